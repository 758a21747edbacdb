// Package app is the program that runs in the containers of tests. It knows the commands that a test of engines needs:
// print, exit, listen, connect, eat memory.
//
// What enters: a command line, and a World that says where its streams, signals and sockets are. What leaves: an exit code.
//
//	a real container:  container/main.go ──World of the operating system──▶ Main
//	the memory engine: a memory.Program  ──World of the engine──▶ Main
//
// So the same test runs the same program on every engine.
package app
