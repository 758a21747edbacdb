//go:build linux

// Command container is package app as the process of a real container.
package main

import (
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"coracle.dev/coracle/runtime/enginetest/app"
)

func main() {
	dir, _ := os.Getwd()
	hostname, _ := os.Hostname()
	os.Exit(app.Main(app.World{
		Args:      os.Args[1:],
		Env:       os.Environ(),
		Dir:       dir,
		Hostname:  hostname,
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		Signals:   signals(),
		Listen:    func(address string) (net.Listener, error) { return net.Listen("tcp", address) },
		Dial:      func(address string) (net.Conn, error) { return net.DialTimeout("tcp", address, 5*time.Second) },
		Allocate:  allocate,
		Namespace: func(kind string) string { link, _ := os.Readlink(filepath.Join("/proc/self/ns", kind)); return link },
		Terminal:  terminal,
	}))
}

func signals() <-chan string {
	in, out := make(chan os.Signal, 1), make(chan string)
	signal.Notify(in, unix.SIGTERM, unix.SIGINT, unix.SIGUSR1)
	go func() {
		for s := range in {
			out <- strings.TrimPrefix(unix.SignalName(s.(unix.Signal)), "SIG")
		}
	}()
	return out
}

// kept is what allocate took.
var kept [][]byte

func allocate(bytes int) {
	taken := make([]byte, bytes)
	for i := 0; i < len(taken); i += os.Getpagesize() {
		taken[i] = 1 // a page counts once it is written
	}
	kept = append(kept, taken)
}

func terminal() (width, height int) {
	size, err := unix.IoctlGetWinsize(int(os.Stdout.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(size.Col), int(size.Row)
}
