// Package machine makes machines of their own on this one, for tests and for trying things out: each has a host name, an
// address, a Docker Engine, and a power switch. It needs Linux and root.
//
//	Start ──▶ first process ──▶ containerd, dockerd, whatever is started there ──▶ containers
//	           │ namespaces: processes, mounts, network, host name, IPC
//	           │ its own: /proc, /run and /dev/shm (in memory), /var/lib (a directory of this machine's disk)
//	Switch.Plug ──▶ eth0
//
// A machine is its first process: kill it, and the kernel ends all that runs there, containers too, and takes down its mounts
// and its network, as a loss of power would. So nothing needs to be written down: a machine is found among the processes by
// its directory, and no process id can be out of date. What stays is its disk.
//
// The engine cannot simply run beside the machine's own: two in one network namespace fight over bridges and firewall rules,
// and two in one /run take each other's containerd. The cgroups are shared, below one of the machine's own.
package machine
