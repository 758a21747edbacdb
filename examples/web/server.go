package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// drainTimeout is how long requests that have begun may still take after SIGTERM: less than the 30 s after which a Pod
// is killed.
const drainTimeout = 20 * time.Second

type server struct {
	http     http.Server
	draining atomic.Bool
}

// newServer answers:
//
//	/          web <version> <hostname>
//	/greeting  the greeting
//	/healthz   200 as long as the process lives
//	/readyz    200, or 503 once it is about to end
func newServer(version, hostname, greeting string) *server {
	s := &server{}
	mux := http.NewServeMux()
	say(mux, "/{$}", fmt.Sprintf("web %s %s\n", version, hostname))
	say(mux, "/greeting", greeting+"\n")
	say(mux, "/healthz", "ok\n")
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if s.draining.Load() {
			http.Error(w, "about to end", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	s.http = http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return s
}

func say(mux *http.ServeMux, path, text string) {
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, text)
	})
}

// serve listens until ctx ends, and then drains.
func (s *server) serve(ctx context.Context, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	return s.serveOn(ctx, listener)
}

func (s *server) serveOn(ctx context.Context, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(listener) }()
	fmt.Println("listening on", listener.Addr())
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := s.http.Shutdown(drain); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	fmt.Println("drained")
	return nil
}
