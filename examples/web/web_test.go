package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestServerAnswers(t *testing.T) {
	s := newServer("v2", "web-5d8f-abcde", "Hi")
	for path, want := range map[string]string{
		"/": "web v2 web-5d8f-abcde\n", "/greeting": "Hi\n", "/healthz": "ok\n", "/readyz": "ok\n",
	} {
		answer := httptest.NewRecorder()
		s.http.Handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if answer.Code != http.StatusOK || answer.Body.String() != want {
			t.Errorf("%s: %d %q, want %q", path, answer.Code, answer.Body, want)
		}
	}
	unknown := httptest.NewRecorder()
	s.http.Handler.ServeHTTP(unknown, httptest.NewRequest(http.MethodGet, "/other", nil))
	if unknown.Code != http.StatusNotFound {
		t.Errorf("/other: %d, want 404", unknown.Code)
	}
}

// A request that has begun when the server is told to end is answered; no further one is.
func TestServerDrains(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer("v2", "host", "Hi")
	begun, finish := make(chan struct{}), make(chan struct{})
	answers := s.http.Handler
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-finish
		answers.ServeHTTP(w, r)
	})
	shuttingDown := make(chan struct{})
	s.http.RegisterOnShutdown(func() { close(shuttingDown) })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.serveOn(ctx, listener) }()

	answered := make(chan int, 1)
	go func() {
		answer, err := http.Get("http://" + listener.Addr().String() + "/readyz")
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		answer.Body.Close()
		answered <- answer.StatusCode
	}()
	<-begun
	stop()
	<-shuttingDown
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Error("a draining server still accepts connections")
	}
	close(finish)
	if code := <-answered; code != http.StatusServiceUnavailable {
		t.Errorf("/readyz while draining: %d, want 503", code)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestWorkerWorksUntilItIsToldToEnd(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	ticks := make(chan time.Time)
	reader, writer := io.Pipe()
	ended := make(chan struct{})
	go func() {
		work(ctx, writer, ticks, "worker")
		writer.Close()
		close(ended)
	}()
	lines := bufio.NewScanner(reader)
	for _, want := range []string{"worker (1)", "worker (2)"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("%q, want %q", lines.Text(), want)
		}
		if want == "worker (1)" {
			ticks <- time.Time{}
		}
	}
	stop()
	<-ended
	if lines.Scan() {
		t.Errorf("wrote %q after the end", lines.Text())
	}
}

func TestUnknownArgumentsAreRefused(t *testing.T) {
	if err := run(t.Context(), []string{"play"}); err == nil {
		t.Error("no error")
	}
}
