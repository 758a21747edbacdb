// Package memory is a runtime.Engine without containers: a real engine in all that it answers, with nothing behind it.
// Tests run whole systems on it, and simulated fleets of thousands of Pods.
//
// What enters: the calls of runtime.Engine; scripts, which say how the processes of containers behave; faults, which say
// how calls go wrong; and hands that reach in from outside (Kill, Exit, Down, Up, Restart, Disconnect).
// What leaves: containers, logs, events and connections, the same ones each time for the same calls and clock.
//
//	call ──▶ Fault? (delay, error, hang) ──▶ state ──▶ events
//	                                          ▲
//	Script, Program ──▶ exits, logs, ports ───┘ ◀── Kill, Down, …
//
// A container is a record, not a goroutine. When it is to exit by itself, that is a time in a queue, which every
// call looks at first: with a fake clock, what should have happened by now has happened. Only a container whose Script has
// a Program runs that program, in a goroutine of its own.
package memory
