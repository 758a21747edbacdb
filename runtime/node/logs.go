package node

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
)

// logRequest is what a client wants of a log: PodLogOptions, as a query spells them.
type logRequest struct {
	options  runtime.LogOptions
	previous bool
	limit    int64  // bytes; negative is none
	stream   string // "All", "Stdout" or "Stderr"
}

func parseLogRequest(query url.Values, now time.Time) (logRequest, error) {
	r := logRequest{limit: -1, stream: query.Get("stream")}
	var errs []error
	boolean := func(name string, into *bool) {
		if value := query.Get(name); value != "" {
			b, err := strconv.ParseBool(value)
			*into = b
			errs = append(errs, named(name, err))
		}
	}
	number := func(name string, take func(int64)) {
		if value := query.Get(name); value != "" {
			i, err := strconv.ParseInt(value, 10, 64)
			if err == nil && i < 0 {
				err = errors.New("must be greater than or equal to 0")
			}
			if errs = append(errs, named(name, err)); err == nil {
				take(i)
			}
		}
	}
	boolean("follow", &r.options.Follow)
	boolean("timestamps", &r.options.Timestamps)
	boolean("previous", &r.previous)
	number("tailLines", func(i int64) { r.options.Tail = &i })
	number("limitBytes", func(i int64) { r.limit = i })
	number("sinceSeconds", func(i int64) { r.options.Since = now.Add(-time.Duration(i) * time.Second) })
	if value := query.Get("sinceTime"); value != "" {
		since, err := time.Parse(time.RFC3339, value)
		r.options.Since = since
		errs = append(errs, named("sinceTime", err))
	}
	switch r.stream {
	case "", corev1.LogStreamAll, corev1.LogStreamStdout, corev1.LogStreamStderr:
	default:
		errs = append(errs, fmt.Errorf("stream: must be All, Stdout or Stderr"))
	}
	return r, errors.Join(errs...)
}

func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// serveLogs copies one container's log. It ends with the log, or, if followed, with the container.
func (n *Node) serveLogs(w http.ResponseWriter, r *http.Request) {
	request, err := parseLogRequest(r.URL.Query(), n.Clock.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	pod, err := n.findPod(r.PathValue("namespace"), r.PathValue("pod"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	c, err := n.logContainer(pod, r.PathValue("container"), request.previous)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	out := &logWriter{w: w, flush: http.NewResponseController(w).Flush, left: request.limit}
	_ = out.flush() // so that a follower learns at once that it is connected
	stdout, stderr := io.Writer(out), io.Writer(out)
	switch request.stream {
	case corev1.LogStreamStdout:
		stderr = io.Discard
	case corev1.LogStreamStderr:
		stdout = io.Discard
	}
	err = n.Engine.Logs(r.Context(), c.ID, request.options, stdout, stderr)
	if err != nil && !errors.Is(err, errLogLimit) && r.Context().Err() == nil {
		fmt.Fprintf(out, "\nread log: %v\n", err)
	}
}

// logContainer is the attempt whose log is wanted: the newest that was started, or the one before it. Errors are upstream's.
func (n *Node) logContainer(pod *corev1.Pod, name string, previous bool) (runtime.Container, error) {
	spec := containerByName(pod, name)
	if spec == nil {
		return runtime.Container{}, fmt.Errorf("container %s is not valid for pod %s", name, pod.Name)
	}
	v := newView(pod, n.inventory.snapshot(keyOf(pod)), NewMemory())
	var started []runtime.Container
	for _, c := range v.attempts[name] {
		if c.State != runtime.StateCreated {
			started = append(started, c)
		}
	}
	switch {
	case previous && len(started) > 1:
		return started[1], nil
	case previous && len(started) == 1 && started[0].State == runtime.StateExited && !isFinished(pod):
		return started[0], nil // its successor is yet to come
	case previous:
		return runtime.Container{}, fmt.Errorf("previous terminated container %q in pod %q not found", name, pod.Name)
	case len(started) > 0:
		return started[0], nil
	}
	reason := v.waitingReason()
	statuses := append(append([]corev1.ContainerStatus{}, pod.Status.InitContainerStatuses...), pod.Status.ContainerStatuses...)
	for _, status := range statuses {
		if status.Name != name || status.State.Waiting == nil {
			continue
		}
		switch status.State.Waiting.Reason {
		case reasonErrImagePull, "ImagePullBackOff", "InvalidImageName", eventNeverPull:
			return runtime.Container{}, fmt.Errorf("container %q in pod %q is waiting to start: trying and failing to pull image", name, pod.Name)
		case "":
		default:
			reason = status.State.Waiting.Reason
		}
	}
	return runtime.Container{}, fmt.Errorf("container %q in pod %q is waiting to start: %s", name, pod.Name, reason)
}

var errLogLimit = errors.New("limit of bytes reached")

// logWriter passes bytes on as they come, up to a limit.
type logWriter struct {
	mu    sync.Mutex // of stdout and stderr
	w     io.Writer
	flush func() error
	left  int64 // negative is without end
}

func (l *logWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == 0 {
		return 0, errLogLimit
	}
	part := p
	if l.left > 0 && int64(len(p)) > l.left {
		part = p[:l.left]
	}
	written, err := l.w.Write(part)
	if l.left > 0 {
		l.left -= int64(written)
	}
	if err != nil {
		return written, err
	}
	_ = l.flush() // where the connection cannot, it buffers
	if len(part) < len(p) {
		return written, errLogLimit
	}
	return written, nil
}
