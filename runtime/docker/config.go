package docker

import (
	"fmt"
	"maps"
	"net/netip"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"coracle.dev/coracle/runtime"
)

// creation is the body of a request to create a container.
type creation struct {
	config  *container.Config
	host    *container.HostConfig
	network *network.NetworkingConfig
}

// configure says in Docker's terms what the spec asks for.
func configure(spec runtime.ContainerSpec, options Options) (creation, error) {
	exposed, published, err := ports(spec.Ports)
	if err != nil {
		return creation{}, err
	}
	mode, endpoints, err := attach(spec.Network)
	if err != nil {
		return creation{}, err
	}
	config := &container.Config{
		Image:        spec.Image,
		Labels:       labels(spec.Labels, options.NodeName),
		Entrypoint:   spec.Entrypoint,
		Cmd:          spec.Args,
		Env:          spec.Env,
		WorkingDir:   spec.WorkingDir,
		User:         spec.User,
		StopSignal:   spec.StopSignal,
		Tty:          spec.TTY,
		OpenStdin:    spec.Stdin,
		StdinOnce:    spec.StdinOnce,
		ExposedPorts: exposed,
		// The node probes by itself: a HEALTHCHECK of the image would only cost processes.
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
	if !mode.IsContainer() { // else the name comes with the network, and the engine refuses another
		config.Hostname = spec.Hostname
	}
	host := &container.HostConfig{
		NetworkMode:    mode,
		IpcMode:        ipc(spec.IPCFrom),
		PortBindings:   published,
		RestartPolicy:  container.RestartPolicy{Name: container.RestartPolicyDisabled},
		LogConfig:      logging(spec, options),
		Mounts:         mounts(spec.Mounts),
		GroupAdd:       spec.Groups,
		CapAdd:         spec.CapAdd,
		CapDrop:        spec.CapDrop,
		Privileged:     spec.Privileged,
		ReadonlyRootfs: spec.ReadOnlyRootFS,
		OomScoreAdj:    spec.Resources.OOMScoreAdj,
		Resources:      resources(spec.Resources),
	}
	if !mode.IsContainer() {
		host.ExtraHosts = extraHosts(spec.Hosts)
	}
	if spec.NoNewPrivileges {
		host.SecurityOpt = []string{"no-new-privileges"}
	}
	if spec.Image == runtime.SandboxImage {
		config.StopSignal = "SIGKILL" // the pause process has no handler for another
	}
	return creation{config: config, host: host, network: endpoints}, nil
}

// labels adds ours, whatever the spec says of it.
func labels(wanted map[string]string, nodeName string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, wanted)
	all[runtime.LabelManaged] = nodeName
	return all
}

func ports(bindings []runtime.PortBinding) (nat.PortSet, nat.PortMap, error) {
	if len(bindings) == 0 {
		return nil, nil, nil
	}
	exposed, published := nat.PortSet{}, nat.PortMap{}
	for _, b := range bindings {
		port, err := nat.NewPort(b.Protocol, strconv.Itoa(b.ContainerPort))
		if err != nil {
			return nil, nil, fmt.Errorf("port %d/%s: %w", b.ContainerPort, b.Protocol, err)
		}
		exposed[port] = struct{}{}
		published[port] = append(published[port], nat.PortBinding{HostIP: b.HostIP, HostPort: strconv.Itoa(b.HostPort)})
	}
	return exposed, published, nil
}

// attach gives the network mode and, on a bridge, the endpoint with its fixed address.
func attach(n runtime.NetworkAttachment) (container.NetworkMode, *network.NetworkingConfig, error) {
	switch {
	case n.Host:
		return "host", nil, nil
	case n.From != "":
		return container.NetworkMode("container:" + n.From), nil, nil
	case n.Name == "":
		return "none", nil, nil
	}
	endpoint := &network.EndpointSettings{}
	if n.IP != "" {
		ip, err := netip.ParseAddr(n.IP)
		if err != nil {
			return "", nil, fmt.Errorf("address in network %s: %w", n.Name, err)
		}
		endpoint.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: n.IP}
		if ip.Is6() {
			endpoint.IPAMConfig = &network.EndpointIPAMConfig{IPv6Address: n.IP}
		}
	}
	return container.NetworkMode(n.Name), &network.NetworkingConfig{
		EndpointsConfig: map[string]*network.EndpointSettings{n.Name: endpoint},
	}, nil
}

func ipc(from string) container.IpcMode {
	if from == "" {
		return container.IPCModeShareable
	}
	return container.IpcMode("container:" + from)
}

// logging keeps the log in files that the engine rotates. A sandbox writes nothing.
func logging(spec runtime.ContainerSpec, options Options) container.LogConfig {
	if spec.Image == runtime.SandboxImage {
		return container.LogConfig{Type: "none"}
	}
	return container.LogConfig{Type: "json-file", Config: map[string]string{
		"max-size": strconv.FormatInt(options.LogMaxBytes, 10),
		"max-file": strconv.Itoa(options.LogFiles),
	}}
}

func mounts(wanted []runtime.Mount) []mount.Mount {
	var all []mount.Mount
	for _, m := range wanted {
		if m.HostPath != "" {
			all = append(all, mount.Mount{Type: mount.TypeBind, Source: m.HostPath, Target: m.Target, ReadOnly: m.ReadOnly})
			continue
		}
		all = append(all, mount.Mount{Type: mount.TypeTmpfs, Target: m.Target, ReadOnly: m.ReadOnly,
			TmpfsOptions: &mount.TmpfsOptions{SizeBytes: m.SizeBytes, Mode: 0o1777}})
	}
	return all
}

// extraHosts turns "10.0.0.1 db" into Docker's "db:10.0.0.1".
func extraHosts(lines []string) []string {
	var all []string
	for _, line := range lines {
		var ip, name string
		if n, _ := fmt.Sscan(line, &ip, &name); n == 2 {
			all = append(all, name+":"+ip)
		}
	}
	return all
}

func resources(r runtime.Resources) container.Resources {
	out := container.Resources{
		CPUShares:         r.CPUShares,
		Memory:            r.MemoryLimitBytes,
		MemoryReservation: r.MemoryReservation,
		// As much memory and swap together as memory: no swap.
		MemorySwap: r.MemoryLimitBytes,
	}
	if r.CPUQuotaMicros > 0 {
		out.CPUPeriod, out.CPUQuota = 100_000, r.CPUQuotaMicros
	}
	if r.PidsLimit > 0 {
		out.PidsLimit = &r.PidsLimit
	}
	return out
}
