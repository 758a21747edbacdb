package apiserver

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/proxy"
	genericrest "k8s.io/apiserver/pkg/registry/generic/rest"
	"k8s.io/apiserver/pkg/registry/rest"
	translator "k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/streaming/pkg/httpstream/wsstream"
)

// podStream is what log, exec, attach and portforward share: the Pod, and the way to its node.
type podStream struct {
	pods  rest.Getter
	nodes nodes
}

// Destroy does nothing: the storage belongs to the Pods.
func (s podStream) Destroy() {}

func (s podStream) pod(ctx context.Context, name string) (*corev1.Pod, error) {
	obj, err := s.pods.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	pod := obj.(*corev1.Pod)
	return pod, requireNode(pod)
}

// logREST is pods/log.
type logREST struct{ podStream }

var (
	_ rest.GetterWithOptions = logREST{}
	_ rest.StorageMetadata   = logREST{}
)

func (l logREST) New() runtime.Object { return &corev1.Pod{} }

func (l logREST) NewGetOptions() (runtime.Object, bool, string) {
	return &corev1.PodLogOptions{}, false, ""
}

func (l logREST) ProducesMIMETypes(string) []string { return []string{"text/plain"} }
func (l logREST) ProducesObject(string) any         { return "" }

// OverrideMetricsVerb keeps a followed log out of the latencies of short reads.
func (l logREST) OverrideMetricsVerb(verb string) string {
	if verb == "GET" {
		return "CONNECT"
	}
	return verb
}

// Get implements rest.GetterWithOptions: the answer is a stream.
func (l logREST) Get(ctx context.Context, name string, options runtime.Object) (runtime.Object, error) {
	logs := options.(*corev1.PodLogOptions)
	if err := validateLogOptions(logs); err != nil {
		return nil, err
	}
	obj, err := l.pods.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	pod := obj.(*corev1.Pod)
	container, err := chooseContainer(pod, logs.Container)
	if err != nil {
		return nil, err
	}
	if pod.Spec.NodeName == "" {
		return &genericrest.LocationStreamer{}, nil // not scheduled: an empty log, as upstream
	}
	return &genericrest.LocationStreamer{
		Location:        location(pod, "containerLogs", container, logQuery(logs)),
		Transport:       l.nodes.transport(pod.Spec.NodeName),
		ContentType:     "text/plain",
		Flush:           logs.Follow,
		ResponseChecker: genericrest.NewGenericHttpResponseChecker(schema.GroupResource{Resource: "pods/log"}, name),
		RedirectChecker: genericrest.PreventRedirects,
	}, nil
}

func (l logREST) ConvertToTable(ctx context.Context, object, options runtime.Object) (*metav1.Table, error) {
	return rest.NewDefaultTableConvertor(schema.GroupResource{Resource: "pods/log"}).ConvertToTable(ctx, object, options)
}

// execREST is pods/exec.
type execREST struct{ podStream }

func (e execREST) New() runtime.Object { return &corev1.PodExecOptions{} }

func (e execREST) NewConnectOptions() (runtime.Object, bool, string) {
	return &corev1.PodExecOptions{}, false, ""
}

func (e execREST) ConnectMethods() []string { return []string{"GET", "POST"} }

func (e execREST) Connect(ctx context.Context, name string, options runtime.Object, responder rest.Responder) (http.Handler, error) {
	exec := options.(*corev1.PodExecOptions)
	query := streamQuery(exec.Stdin, exec.Stdout, exec.Stderr, exec.TTY)
	query["command"] = exec.Command
	streams := translator.Options{Stdin: exec.Stdin, Stdout: exec.Stdout, Stderr: exec.Stderr, Tty: exec.TTY}
	return e.command(ctx, "exec", name, exec.Container, query, streams, responder)
}

// attachREST is pods/attach.
type attachREST struct{ podStream }

func (a attachREST) New() runtime.Object { return &corev1.PodAttachOptions{} }

func (a attachREST) NewConnectOptions() (runtime.Object, bool, string) {
	return &corev1.PodAttachOptions{}, false, ""
}

func (a attachREST) ConnectMethods() []string { return []string{"GET", "POST"} }

func (a attachREST) Connect(ctx context.Context, name string, options runtime.Object, responder rest.Responder) (http.Handler, error) {
	attach := options.(*corev1.PodAttachOptions)
	query := streamQuery(attach.Stdin, attach.Stdout, attach.Stderr, attach.TTY)
	streams := translator.Options{Stdin: attach.Stdin, Stdout: attach.Stdout, Stderr: attach.Stderr, Tty: attach.TTY}
	return a.command(ctx, "attach", name, attach.Container, query, streams, responder)
}

// command proxies an exec or attach. Clients speak WebSocket v5 or SPDY, nodes SPDY: the first is translated here.
func (s podStream) command(ctx context.Context, stream, name, container string, query url.Values, streams translator.Options, responder rest.Responder) (http.Handler, error) {
	pod, err := s.pod(ctx, name)
	if err != nil {
		return nil, err
	}
	if container, err = chooseContainer(pod, container); err != nil {
		return nil, err
	}
	target, transport := location(pod, stream, container, query), s.nodes.transport(pod.Spec.NodeName)
	upgrade := upgradeHandler(target, transport, responder)
	translated := translator.NewStreamTranslatorHandler(target, transport, 0, streams)
	return translator.NewTranslatingHandler(upgrade, translated, wsstream.IsWebSocketRequestWithStreamCloseProtocol), nil
}

// portForwardREST is pods/portforward.
type portForwardREST struct{ podStream }

func (p portForwardREST) New() runtime.Object { return &corev1.PodPortForwardOptions{} }

func (p portForwardREST) NewConnectOptions() (runtime.Object, bool, string) {
	return &corev1.PodPortForwardOptions{}, false, ""
}

func (p portForwardREST) ConnectMethods() []string { return []string{"GET", "POST"} }

func (p portForwardREST) Connect(ctx context.Context, name string, options runtime.Object, responder rest.Responder) (http.Handler, error) {
	pod, err := p.pod(ctx, name)
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	for _, port := range options.(*corev1.PodPortForwardOptions).Ports {
		query.Add("port", strconv.Itoa(int(port)))
	}
	upgrade := upgradeHandler(location(pod, "portForward", "", query), p.nodes.transport(pod.Spec.NodeName), responder)
	return translator.NewTranslatingHandler(upgrade, translator.NewTunnelingHandler(upgrade), wsstream.IsWebSocketRequestWithTunnelingProtocol), nil
}

func upgradeHandler(target *url.URL, transport http.RoundTripper, responder rest.Responder) http.Handler {
	handler := proxy.NewUpgradeAwareHandler(target, transport, false, true, proxy.NewErrorResponder(responder))
	handler.UseLocationHost = true
	return handler
}
