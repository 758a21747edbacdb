// Package pause makes the program of a Pod's sandbox: it sleeps until it is killed, so that the namespaces of its
// container stay alive.
//
// What enters: an architecture, as GOARCH names it. What leaves: a static ELF executable of some 200 bytes.
//
//	"arm64" ──▶ instructions ──▶ ELF header, program headers, code
//
// The program is written down here, instruction by instruction, so that a node needs neither a registry nor a compiler
// to build the sandbox image. It has one page of code, no heap and no libc, which is all that a sandbox costs beside
// what the kernel keeps for a process. It reaps no children: it is alone in its PID namespace.
package pause
