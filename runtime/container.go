package runtime

import "time"

// Labels on everything coracle creates on an engine. The io.kubernetes ones are those of dockershim, so that existing
// tools recognise the containers.
const (
	// LabelManaged marks every container, with the value of the node's name.
	LabelManaged = "coracle.dev/node"
	// LabelCommit is the commit that last changed the workload, as `docker ps --filter label=` finds it.
	LabelCommit = "coracle.dev/commit"

	LabelPodName       = "io.kubernetes.pod.name"
	LabelPodNamespace  = "io.kubernetes.pod.namespace"
	LabelPodUID        = "io.kubernetes.pod.uid"
	LabelContainerName = "io.kubernetes.container.name"
	// LabelContainerType is "podsandbox" or "container".
	LabelContainerType = "io.kubernetes.docker.type"

	// LabelIP is the Pod IP that the container holds, so that a restarted node knows which addresses are taken.
	LabelIP = "coracle.dev/ip"
)

// ContainerSpec is everything needed to create a container. Zero values mean the engine's or the image's default.
type ContainerSpec struct {
	Name   string
	Image  string // reference, id, or SandboxImage
	Labels map[string]string

	Entrypoint []string // replaces the image's ENTRYPOINT; the image's CMD is then dropped too
	Args       []string // replaces the image's CMD
	Env        []string // "NAME=value", in order
	WorkingDir string
	Hostname   string // only where the network is not shared
	StopSignal string // "" is the image's, else SIGTERM
	TTY        bool
	Stdin      bool // keep stdin open
	StdinOnce  bool // close stdin after the first attach

	Network   NetworkAttachment
	IPCFrom   string // id of the container whose IPC namespace is shared; "" is a private, shareable one
	Ports     []PortBinding
	Hosts     []string // extra lines of /etc/hosts, "ip name"; only where the network is not shared
	Resources Resources
	Mounts    []Mount

	User            string   // "uid[:gid]"; "" is the image's
	Groups          []string // supplementary group ids
	ReadOnlyRootFS  bool
	Privileged      bool
	NoNewPrivileges bool
	CapAdd, CapDrop []string // as "NET_ADMIN", "ALL"
}

// NetworkAttachment says where a container's network comes from. Exactly one field is set; none means no network.
type NetworkAttachment struct {
	// Name of a network made by EnsureNetwork, with the fixed address IP in it.
	Name, IP string
	// From is the id of the container whose network namespace is shared.
	From string
	// Host shares the machine's network.
	Host bool
}

// Network is one bridge network of the engine.
type Network struct {
	Name   string
	Subnet string // CIDR, as "10.244.0.0/24"; the gateway is its first address
	Labels map[string]string
}

// PortBinding publishes a container's port on the machine.
type PortBinding struct {
	HostIP        string // "" is all addresses
	HostPort      int
	ContainerPort int
	Protocol      string // "tcp", "udp" or "sctp"
}

// Mount binds a path of the machine, or a tmpfs where HostPath is empty, into a container.
type Mount struct {
	HostPath  string
	Target    string
	ReadOnly  bool
	SizeBytes int64 // of a tmpfs; 0 is unlimited
}

// Resources are cgroup settings. Zero means not set.
type Resources struct {
	CPUShares         int64 // relative weight, 1024 a core
	CPUQuotaMicros    int64 // of each 100 ms period
	MemoryLimitBytes  int64
	PidsLimit         int64
	OOMScoreAdj       int
	MemoryReservation int64 // bytes
}

// State of a container.
type State string

const (
	StateCreated State = "created"
	StateRunning State = "running"
	StateExited  State = "exited"
)

// Container is what an engine says of one container. ListContainers fills the first block;
// InspectContainer fills all.
type Container struct {
	ID      string
	Name    string
	Image   string // as given at creation; a listing may say the id instead if the reference has moved since
	ImageID string
	Labels  map[string]string // those of the spec, and of the image where the spec has none of that name
	State   State
	Created time.Time

	// From InspectContainer only.
	Started, Finished time.Time // zero where it has not happened
	ExitCode          int
	OOMKilled         bool
	Error             string // the engine's words if it could not start
	Pid               int    // on the engine's machine; 0 if not running
	IP                string // in its own network; "" where shared
	TTY               bool
	RepoDigests       []string // of the image, where it came from a registry
}

// EventKind says what may have happened.
type EventKind string

const (
	EventStarted EventKind = "started"
	EventExited  EventKind = "exited"
	EventRemoved EventKind = "removed"
	EventOOM     EventKind = "oom"
)

// Event is a hint: the receiver inspects to learn the truth.
type Event struct {
	Kind   EventKind
	ID     string
	Labels map[string]string
	Time   time.Time
}
