// Package fleet brings up a fleet on one machine: a server and nodes, each a machine of its own with a real Docker Engine, as
// package machine makes them. The stories use it as a library; bin/fleet is its command.
//
//	New ─▶ PowerOn ─▶ Serve ─▶ Join              Up is all four
//
//	this machine ── coracle0 10.99.0.1
//	                   │
//	                 switch ──┬── raspi001 10.99.0.2   dockerd   coracle serve
//	                          ├── raspi002 10.99.0.3   dockerd   coracle node
//	                          └── raspi003 10.99.0.4   dockerd   coracle node
//
// What enters: the coracle program, and a directory on a disk. What leaves: a kubeconfig, an engine's socket a machine, and
// machines that can be switched off and cut off. Down removes all of it, whatever became of it: machines are found among the
// processes, and all else is in the directory, or named in the settings there.
//
// Machines reach each other and this one, and nothing beyond: images are copied from an engine that has them.
package fleet
