package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"

	"coracle.dev/coracle/runtime"
)

// Limits of streams, as upstream's.
const (
	streamIdle     = 4 * time.Hour
	streamCreation = 30 * time.Second
)

// newHandler serves the kubelet's paths.
func (n *Node) newHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", n.serveLogs)
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", n.serveExec)
	mux.HandleFunc("/attach/{namespace}/{pod}/{container}", n.serveAttach)
	mux.HandleFunc("/portForward/{namespace}/{pod}", n.servePortForward)
	mux.HandleFunc("GET /stats/summary", n.serveStats)
	return mux
}

// findPod is the Pod of that name, if it is bound to this node.
func (n *Node) findPod(namespace, name string) (*corev1.Pod, error) {
	obj, exists, err := n.pods.GetByKey(namespace + "/" + name)
	if err != nil || !exists {
		return nil, fmt.Errorf("pod %q in namespace %q is not on node %s", name, namespace, n.Name)
	}
	return obj.(*corev1.Pod), nil
}

// runningContainer is the present attempt of a container, which must run.
func (n *Node) runningContainer(namespace, pod, container string) (runtime.Container, error) {
	p, err := n.findPod(namespace, pod)
	if err != nil {
		return runtime.Container{}, err
	}
	if container != "" && containerByName(p, container) == nil {
		return runtime.Container{}, fmt.Errorf("container %s is not valid for pod %s", container, pod)
	}
	v := newView(p, n.inventory.snapshot(keyOf(p)), NewMemory())
	for _, c := range v.attempts[container] {
		if c.State == runtime.StateRunning {
			return c, nil
		}
	}
	return runtime.Container{}, fmt.Errorf("container not found (%q)", container)
}

// remoteOptions reads which streams the client wants, in the kubelet's words or those of the API's exec and attach.
func remoteOptions(r *http.Request) (*remotecommand.Options, error) {
	query := r.URL.Query()
	on := func(names ...string) bool {
		for _, name := range names {
			if v := query.Get(name); v == "1" || v == "true" {
				return true
			}
		}
		return false
	}
	options := &remotecommand.Options{
		Stdin: on("input", "stdin"), Stdout: on("output", "stdout"), Stderr: on("error", "stderr"), TTY: on("tty"),
	}
	if options.TTY {
		options.Stderr = false // a terminal has one output
	}
	if !options.Stdin && !options.Stdout && !options.Stderr {
		return nil, errors.New("you must specify at least 1 of stdin, stdout, stderr")
	}
	return options, nil
}

func (n *Node) serveExec(w http.ResponseWriter, r *http.Request) {
	options, err := remoteOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c, err := n.runningContainer(r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	remotecommand.ServeExec(w, r, commands{n}, r.PathValue("pod"), "", c.ID, r.URL.Query()["command"], options,
		streamIdle, streamCreation, remotecommand.SupportedStreamingProtocols)
}

func (n *Node) serveAttach(w http.ResponseWriter, r *http.Request) {
	options, err := remoteOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c, err := n.runningContainer(r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	remotecommand.ServeAttach(w, r, commands{n}, r.PathValue("pod"), "", c.ID, options,
		streamIdle, streamCreation, remotecommand.SupportedStreamingProtocols)
}

func (n *Node) servePortForward(w http.ResponseWriter, r *http.Request) {
	pod, err := n.findPod(r.PathValue("namespace"), r.PathValue("pod"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, forwarder{n, pod}, pod.Name, string(pod.UID), options,
		streamIdle, streamCreation, portforward.SupportedProtocols)
}

// commands runs and attaches for the streaming library, which passes container ids through.
type commands struct{ node *Node }

func (c commands) ExecInContainer(ctx context.Context, _, _, id string, command []string,
	in io.Reader, out, errOut io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize, _ time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	code, err := c.node.Engine.Exec(ctx, id, command, streams(ctx, in, out, errOut, tty, resize))
	if err != nil {
		return err
	}
	if code != 0 {
		return utilexec.CodeExitError{Err: fmt.Errorf("exit status %d", code), Code: code}
	}
	return nil
}

func (c commands) AttachContainer(ctx context.Context, _, _, id string,
	in io.Reader, out, errOut io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return c.node.Engine.Attach(ctx, id, streams(ctx, in, out, errOut, tty, resize))
}

// streams in the engine's types. A nil writer must stay nil, not become an interface that holds one.
func streams(ctx context.Context, in io.Reader, out, errOut io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize) runtime.Streams {
	s := runtime.Streams{Stdin: in, TTY: tty}
	if out != nil {
		s.Stdout = out
	}
	if errOut != nil {
		s.Stderr = errOut
	}
	if resize == nil {
		return s
	}
	sizes := make(chan runtime.TerminalSize)
	s.Resize = sizes
	go func() {
		defer close(sizes)
		for {
			select {
			case size, ok := <-resize:
				if !ok {
					return
				}
				select {
				case sizes <- runtime.TerminalSize{Width: size.Width, Height: size.Height}:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return s
}

// forwarder connects to the ports of one Pod.
type forwarder struct {
	node *Node
	pod  *corev1.Pod
}

func (f forwarder) PortForward(ctx context.Context, _, _ string, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	id := ""
	for _, c := range f.node.inventory.snapshot(keyOf(f.pod)) {
		if c.State == runtime.StateRunning {
			id = c.ID // they share their network
		}
	}
	if id == "" {
		return fmt.Errorf("pod %s is not running", f.pod.Name)
	}
	connection, err := f.node.Engine.Dial(ctx, id, int(port))
	if err != nil {
		return err
	}
	defer connection.Close()
	return pipe(stream, connection)
}

// pipe copies both ways until both directions have ended, or one has failed.
func pipe(stream io.ReadWriteCloser, connection io.ReadWriteCloser) error {
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(connection, stream)
		if half, ok := connection.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite() // the client has no more to say; the answer may still come
		}
		sent <- err
	}()
	_, err := io.Copy(stream, connection)
	select {
	case sendErr := <-sent:
		return errors.Join(err, sendErr)
	default: // the container closed first: what the client still sends has no reader
		return err
	}
}
