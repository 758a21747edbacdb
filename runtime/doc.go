// Package runtime holds the vocabulary between a node and its container engine.
//
// What enters: the node's wishes, as sandbox and container specs.
// What leaves: what the engine really has, as plain values, and a stream of hints that something changed.
//
//	node ──ContainerSpec──▶ Engine ──▶ docker | memory
//	node ◀──Container, Event── Engine
//
// An Engine knows nothing of Pods, restarts or probes: it creates, starts, stops, removes and reports. All
// that it creates carries the label LabelManaged, and all that it reports carries it too: what others run on the
// same engine is invisible through this interface, so it cannot be touched by accident.
//
// Two implementations live below: docker (the Docker Engine API, from 20.10 on) and memory (no containers:
// deterministic, with scripted delays and faults). Both pass the contract in enginetest.
package runtime
