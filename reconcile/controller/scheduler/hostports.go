package scheduler

import corev1 "k8s.io/api/core/v1"

var portsTaken = []Reason{{Text: "node(s) didn't have free ports for the requested pod ports", Cause: CausePorts}}

// anyIP is every address of a node: it collides with each single one.
const anyIP = "0.0.0.0"

// hostPort is a port of the node that a Pod wants for itself.
type hostPort struct {
	ip       string
	protocol corev1.Protocol
	port     int32
}

// portUse counts who uses a port. More than one can: Pods that were put there by name.
type portUse map[hostPort]int

// hostPorts are the ports of all containers, and of those init containers that stay (restartPolicy Always).
func hostPorts(pod *corev1.Pod) []hostPort {
	var ports []hostPort
	add := func(container corev1.Container) {
		for _, p := range container.Ports {
			if p.HostPort <= 0 {
				continue
			}
			port := hostPort{ip: p.HostIP, protocol: p.Protocol, port: p.HostPort}
			if port.ip == "" {
				port.ip = anyIP
			}
			if port.protocol == "" {
				port.protocol = corev1.ProtocolTCP
			}
			ports = append(ports, port)
		}
	}
	for _, container := range pod.Spec.InitContainers {
		if container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			add(container)
		}
	}
	for _, container := range pod.Spec.Containers {
		add(container)
	}
	return ports
}

func (u portUse) add(ports []hostPort, sign int) {
	for _, port := range ports {
		if u[port] += sign; u[port] == 0 {
			delete(u, port)
		}
	}
}

// collides reports whether a port is in use, by this address or by all.
func (u portUse) collides(port hostPort) bool {
	if port.ip != anyIP {
		all := port
		all.ip = anyIP
		return u[port] > 0 || u[all] > 0
	}
	for used := range u {
		if used.port == port.port && used.protocol == port.protocol {
			return true
		}
	}
	return false
}

// checkHostPorts keeps two Pods from one port of a node.
func checkHostPorts(s *State, p *Pod) check {
	if len(p.ports) == 0 {
		return nil
	}
	reserved := s.reservedFor(p)
	return func(n *Node) []Reason {
		for _, port := range p.ports {
			if n.ports.collides(port) || reserved[n.Name].ports.collides(port) {
				return portsTaken
			}
		}
		return nil
	}
}
