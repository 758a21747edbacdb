// Package repository makes the Git repository of the demo: bare, as a host would keep it, with a history to go back in.
//
//	main   Run web v1 ◀── Add a worker ◀── web: v2 ◀── web: v3
//
// What enters: a directory, the version to stop at, a time. What leaves: the repository; with the same time, the same
// commits each time.
package repository
