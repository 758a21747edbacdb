package memory

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
)

// listener is a port that a program has opened.
type listener struct {
	engine *Engine
	box    *box
	port   int
	queue  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (s *space) listen(e *Engine, b *box, port int) *listener {
	if s.listeners == nil {
		s.listeners = map[int]*listener{}
	}
	l := &listener{engine: e, box: b, port: port, queue: make(chan net.Conn, 128), closed: make(chan struct{})}
	s.listeners[port] = l
	return l
}

// dial queues the server's end of a new connection.
func (l *listener) dial() (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.queue <- server:
		return client, nil
	default:
		return nil, fmt.Errorf("dial port %d: %w: nobody accepts", l.port, syscall.ECONNREFUSED)
	}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case connection := <-l.queue:
		return connection, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close frees the port.
func (l *listener) Close() error {
	l.engine.mu.Lock()
	defer l.engine.mu.Unlock()
	if space := l.box.space; space != nil && space.listeners[l.port] == l {
		delete(space.listeners, l.port)
	}
	l.shut()
	return nil
}

func (l *listener) shut() { l.once.Do(func() { close(l.closed) }) }

func (l *listener) Addr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: l.port}
}

// respond answers HTTP on one connection until the client closes it.
func respond(connection net.Conn, name string, handler http.Handler) {
	defer connection.Close()
	in := bufio.NewReader(connection)
	for {
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		answer := &answer{header: http.Header{}, code: http.StatusOK}
		if handler != nil {
			handler.ServeHTTP(answer, request)
		} else {
			fmt.Fprintln(&answer.body, name)
		}
		if err := answer.send(connection, request); err != nil || request.Close {
			return
		}
	}
}

// answer collects what a handler writes.
type answer struct {
	header http.Header
	code   int
	body   strings.Builder
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(code int)        { a.code = code }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

func (a *answer) send(to net.Conn, request *http.Request) error {
	response := http.Response{
		StatusCode: a.code, ProtoMajor: 1, ProtoMinor: 1, Header: a.header, Request: request,
		ContentLength: int64(a.body.Len()), Body: readCloser{strings.NewReader(a.body.String())},
	}
	return response.Write(to)
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
