package main

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
)

func TestPipe(t *testing.T) {
	p := newPipe()
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := p.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- conn
	}()
	ours, err := p.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	theirs := <-accepted
	if _, err := io.WriteString(ours, "hello"); err != nil {
		t.Fatal(err)
	}
	if err := ours.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(theirs); err != nil || string(got) != "hello" {
		t.Errorf("read %q, %v", got, err)
	}
	if err := theirs.Close(); err != nil {
		t.Error(err)
	}

	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.dial(over); !errors.Is(err, context.Canceled) {
		t.Errorf("dialling without end: %v", err)
	}
	for range 2 { // closing again does nothing
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := p.dial(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("dialling what is closed: %v", err)
	}
	if _, err := p.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepting from what is closed: %v", err)
	}
}
