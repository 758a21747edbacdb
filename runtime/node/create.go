package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
)

// sandboxSpec is the container that holds the network and IPC of a Pod's other containers.
func (n *Node) sandboxSpec(key Key, pod *corev1.Pod, attempt int) (runtime.ContainerSpec, error) {
	spec := runtime.ContainerSpec{
		Name:   containerName(sandboxName, key, attempt),
		Image:  runtime.SandboxImage,
		Labels: labels(n.Name, key, pod, sandboxName, attempt),
		// Among the last to go when memory is short: it is the Pod's network.
		Resources: runtime.Resources{OOMScoreAdj: -998, CPUShares: minShares},
	}
	spec.Labels[runtime.LabelContainerType] = typeSandbox
	limitScore(&spec, n.mayLower && !n.engineInfo().Rootless)
	return spec, n.holdNetwork(&spec, key, pod)
}

// containerSpec is one attempt of a container. Errors are in words for the user.
func (n *Node) containerSpec(ctx context.Context, key Key, pod *corev1.Pod, c *corev1.Container, state *podState, step Step) (runtime.ContainerSpec, error) {
	spec := runtime.ContainerSpec{
		Name:       containerName(c.Name, key, step.Attempt),
		Image:      c.Image,
		Labels:     labels(n.Name, key, pod, c.Name, step.Attempt),
		WorkingDir: c.WorkingDir,
		TTY:        c.TTY,
		Stdin:      c.Stdin,
		StdinOnce:  c.StdinOnce,
		Resources:  resources(pod, c, n.engineInfo().MemoryBytes),
	}
	limitScore(&spec, n.mayLower && !n.engineInfo().Rootless)
	if step.Backoff > 0 {
		spec.Labels[labelBackoff] = step.Backoff.String()
	}
	if err := n.connect(&spec, key, pod); err != nil {
		return spec, err
	}
	ip := spec.Labels[runtime.LabelIP]
	if ip == "" {
		ip = n.podIP(key)
	}
	env, err := n.environment(ctx, pod, c, ip)
	if err != nil {
		return spec, err
	}
	spec.Env = env.list()
	spec.Entrypoint = env.expandAll(c.Command)
	spec.Args = env.expandAll(c.Args)
	if err := secure(&spec, pod, c, state.image(c.Name).User); err != nil {
		return spec, err
	}
	spec.Mounts, err = n.mounts(key, pod, c, env, step.Attempt)
	return spec, err
}

// connect gives a container the sandbox's network and IPC, or, where the Pod has none, its own.
func (n *Node) connect(spec *runtime.ContainerSpec, key Key, pod *corev1.Pod) error {
	if !needsSandbox(pod) {
		return n.holdNetwork(spec, key, pod)
	}
	sandbox := newView(pod, n.inventory.snapshot(key), NewMemory()).sandboxID()
	if sandbox == "" {
		return fmt.Errorf("the sandbox of pod %s does not run", key)
	}
	spec.Labels[labelSandbox] = sandbox
	spec.IPCFrom = sandbox
	spec.Network.From = sandbox
	if pod.Spec.HostNetwork {
		spec.Network = runtime.NetworkAttachment{Host: true}
	}
	return nil
}

// holdNetwork makes a container the holder of the Pod's network, and of the Pod itself, packed.
func (n *Node) holdNetwork(spec *runtime.ContainerSpec, key Key, pod *corev1.Pod) error {
	packed, err := pack(pod)
	if err != nil {
		return err
	}
	spec.Labels[labelPod] = packed
	if pod.Spec.HostNetwork {
		spec.Network.Host = true
		return nil
	}
	ip, err := n.addresses.take(key)
	if err != nil {
		return err
	}
	spec.Labels[runtime.LabelIP] = ip
	spec.Network.Name, spec.Network.IP = n.Network, ip
	spec.Hostname = hostname(pod)
	spec.Hosts = hosts(pod, ip)
	spec.Ports = ports(pod)
	return nil
}

func labels(node string, key Key, pod *corev1.Pod, container string, attempt int) map[string]string {
	l := map[string]string{
		runtime.LabelManaged:       node,
		runtime.LabelPodName:       key.Name,
		runtime.LabelPodNamespace:  key.Namespace,
		runtime.LabelPodUID:        key.UID,
		runtime.LabelContainerName: container,
		runtime.LabelContainerType: typeContainer,
		labelAttempt:               strconv.Itoa(attempt),
	}
	if commit := pod.Annotations[AnnotationCommit]; commit != "" {
		l[runtime.LabelCommit] = commit
	}
	return l
}

const maxHostname = 63 // Linux allows 64; upstream cuts here

func hostname(pod *corev1.Pod) string {
	name := pod.Spec.Hostname
	if name == "" {
		name = pod.Name
	}
	if len(name) > maxHostname {
		name = strings.TrimRight(name[:maxHostname], "-.")
	}
	return name
}

// hosts are the Pod's lines of /etc/hosts beside those that every engine writes.
func hosts(pod *corev1.Pod, ip string) []string {
	var lines []string
	if pod.Spec.Subdomain != "" {
		fqdn := strings.Join([]string{hostname(pod), pod.Spec.Subdomain, pod.Namespace, "svc", clusterDomain}, ".")
		lines = append(lines, ip+" "+fqdn)
	}
	for _, alias := range pod.Spec.HostAliases {
		for _, name := range alias.Hostnames {
			lines = append(lines, alias.IP+" "+name)
		}
	}
	return lines
}

const clusterDomain = "cluster.local"

// ports are those that the Pod publishes on the machine.
func ports(pod *corev1.Pod) []runtime.PortBinding {
	var bindings []runtime.PortBinding
	eachContainer(pod, func(c *corev1.Container, _ bool) {
		for _, p := range c.Ports {
			if p.HostPort == 0 {
				continue
			}
			protocol := strings.ToLower(string(p.Protocol))
			if protocol == "" {
				protocol = "tcp"
			}
			bindings = append(bindings, runtime.PortBinding{
				HostIP: p.HostIP, HostPort: int(p.HostPort), ContainerPort: int(p.ContainerPort), Protocol: protocol,
			})
		}
	})
	return bindings
}

// sortedKeys are a map's keys in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
