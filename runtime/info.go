package runtime

import "time"

// Info describes an engine and its machine.
type Info struct {
	ID              string // stable for the engine's data root
	Name            string // the machine's hostname
	EngineName      string // "docker", "memory"
	EngineVersion   string // as "20.10.24"
	OS              string // "linux"
	Architecture    string // GOARCH: "amd64", "arm64", "arm"
	OperatingSystem string // as "Debian GNU/Linux 12 (bookworm)"
	KernelVersion   string
	CPUs            int
	MemoryBytes     int64
	Rootless        bool
}

// Stats is the usage of one container at one moment.
type Stats struct {
	Time           time.Time
	CPUNanos       uint64 // used since the container started
	MemoryBytes    uint64 // working set: usage less inactive file pages
	MemoryRSS      uint64
	RxBytes        uint64
	TxBytes        uint64
	Pids           uint64
	DiskWriteBytes uint64
	DiskReadBytes  uint64
}
