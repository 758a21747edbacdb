package apiserver

import (
	"context"
	"io"
	"net/http"
	"sync"
)

// inProcess is an http.RoundTripper that calls a handler: the whole HTTP chain without TCP and TLS. Watches stream.
type inProcess struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper. The handler runs until it has answered in full, or the request's context
// ends, or the caller closes the response's body.
func (t inProcess) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(request.Context())
	serverSide := request.Clone(ctx)
	serverSide.RequestURI = request.URL.RequestURI()
	serverSide.RemoteAddr = "127.0.0.1:0"
	if serverSide.Body == nil {
		serverSide.Body = http.NoBody
	}
	reader, writer := io.Pipe()
	response := &pipedResponse{ctx: ctx, header: http.Header{}, body: writer, started: make(chan struct{})}
	go func() {
		defer cancel()
		defer func() {
			if reason := recover(); reason != nil { // http.ErrAbortHandler, as net/http has it
				response.start(http.StatusInternalServerError)
				_ = writer.CloseWithError(io.ErrUnexpectedEOF)
			}
		}()
		t.handler.ServeHTTP(response, serverSide)
		response.start(http.StatusOK)
		_ = writer.Close()
	}()
	select {
	case <-response.started:
		return &http.Response{
			Status: http.StatusText(response.status), StatusCode: response.status,
			Proto: "HTTP/2.0", ProtoMajor: 2, Header: response.sent, ContentLength: -1,
			Body: &pipedBody{PipeReader: reader, cancel: cancel}, Request: request,
		}, nil
	case <-request.Context().Done():
		_ = reader.CloseWithError(request.Context().Err())
		return nil, request.Context().Err()
	}
}

// pipedResponse is the handler's side of a response whose body is read as it is written.
type pipedResponse struct {
	ctx          context.Context
	header, sent http.Header
	body         *io.PipeWriter
	once         sync.Once
	status       int
	started      chan struct{}
}

func (r *pipedResponse) Header() http.Header { return r.header }

func (r *pipedResponse) WriteHeader(status int) { r.start(status) }

func (r *pipedResponse) Write(data []byte) (int, error) {
	r.start(http.StatusOK)
	return r.body.Write(data)
}

// Flush implements http.Flusher: what is written is already on its way.
func (r *pipedResponse) Flush() { r.start(http.StatusOK) }

// CloseNotify implements http.CloseNotifier, by which the handler chain tells that it may stream.
func (r *pipedResponse) CloseNotify() <-chan bool {
	closed := make(chan bool, 1)
	context.AfterFunc(r.ctx, func() { closed <- true })
	return closed
}

func (r *pipedResponse) start(status int) {
	r.once.Do(func() {
		r.status, r.sent = status, r.header.Clone()
		close(r.started)
	})
}

// pipedBody ends the handler when the reader has had enough.
type pipedBody struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (b *pipedBody) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}
