package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
)

// pipe is a net.Listener inside this process: dial gives the other end of a connected pair of Unix sockets. The API server
// reaches the node of its own machine through it, so that nothing listens.
type pipe struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipe() *pipe {
	return &pipe{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (p *pipe) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr implements net.Listener.
func (p *pipe) Addr() net.Addr { return &net.UnixAddr{Name: "node", Net: "unix"} }

func (p *pipe) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		err = net.ErrClosed
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = ours.Close()
	_ = theirs.Close()
	return nil, err
}

func socketPair() (net.Conn, net.Conn, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a pair of sockets: %w", err)
	}
	one, err := fileConn(fds[0])
	if err != nil {
		_ = syscall.Close(fds[1])
		return nil, nil, err
	}
	two, err := fileConn(fds[1])
	if err != nil {
		_ = one.Close()
		return nil, nil, err
	}
	return one, two, nil
}

// fileConn takes the descriptor over.
func fileConn(fd int) (net.Conn, error) {
	file := os.NewFile(uintptr(fd), "node")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("make a pair of sockets: %w", err)
	}
	return conn, nil
}
