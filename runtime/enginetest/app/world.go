package app

import (
	"io"
	"net"
)

// World is all that the program sees of the container that it runs in.
type World struct {
	Args     []string // without the program's name
	Env      []string // "NAME=value"
	Dir      string
	Hostname string

	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Signals delivers the names of signals, as "TERM".
	Signals <-chan string

	Listen func(address string) (net.Listener, error)
	Dial   func(address string) (net.Conn, error)
	// Allocate takes memory and keeps it.
	Allocate func(bytes int)
	// Namespace identifies the namespace of a kind ("net", "ipc") that the process is in.
	Namespace func(kind string) string
	// Terminal is the size of the terminal, 0 and 0 where there is none.
	Terminal func() (width, height int)
}
