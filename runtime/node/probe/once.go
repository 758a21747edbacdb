package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// once runs a probe and says why it failed.
func (p *Prober) once(ctx context.Context, t Target) (passed bool, message string) {
	var err error
	switch handler := t.Probe.ProbeHandler; {
	case handler.Exec != nil:
		err = p.exec(ctx, t, handler.Exec.Command)
	case handler.HTTPGet != nil:
		err = HTTPGet(ctx, p.Dial, t.ID, t.Host, handler.HTTPGet, t.Ports)
	case handler.TCPSocket != nil:
		err = p.connect(ctx, t, handler.TCPSocket)
	default:
		err = errors.New("this type of probe is not supported")
	}
	if err != nil {
		return false, err.Error()
	}
	return true, ""
}

// maxOutput is how much of a command's output or an answer's body is read.
const maxOutput = 10 * 1024

func (p *Prober) exec(ctx context.Context, t Target, command []string) error {
	code, output, err := p.Exec(ctx, t.ID, command)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("command %q timed out", strings.Join(command, " "))
	case err != nil:
		return err
	case code != 0 && output == "":
		return fmt.Errorf("command %q exited with %d", strings.Join(command, " "), code)
	case code != 0:
		return errors.New(output)
	}
	return nil
}

func (p *Prober) connect(ctx context.Context, t Target, action *corev1.TCPSocketAction) error {
	port, err := Port(action.Port, t.Ports)
	if err != nil {
		return err
	}
	connection, err := p.Dial(ctx, t.ID, hostOr(action.Host, t.Host), port)
	if err != nil {
		return err
	}
	return connection.Close()
}

func hostOr(host, otherwise string) string {
	if host != "" {
		return host
	}
	return otherwise
}

// Port is a number, or the container's port of that name.
func Port(port intstr.IntOrString, ports []corev1.ContainerPort) (int, error) {
	if port.Type == intstr.Int {
		return port.IntValue(), nil
	}
	for _, p := range ports {
		if p.Name == port.StrVal {
			return int(p.ContainerPort), nil
		}
	}
	if n, err := strconv.Atoi(port.StrVal); err == nil {
		return n, nil
	}
	return 0, fmt.Errorf("the container has no port named %q", port.StrVal)
}

// HTTPGet asks a container and fails unless the answer's status is 200 to 399. Certificates are not verified, as upstream documents.
// A redirect to another host counts as an answer.
func HTTPGet(ctx context.Context, dial func(ctx context.Context, id, host string, port int) (net.Conn, error),
	id, host string, action *corev1.HTTPGetAction, ports []corev1.ContainerPort) error {
	port, err := Port(action.Port, ports)
	if err != nil {
		return err
	}
	host = hostOr(action.Host, host)
	target, err := url.Parse(action.Path)
	if err != nil {
		return fmt.Errorf("read path of probe: %w", err)
	}
	target.Scheme = "http"
	if action.Scheme == corev1.URISchemeHTTPS {
		target.Scheme = "https"
	}
	target.Host = net.JoinHostPort(host, strconv.Itoa(port))
	if !strings.HasPrefix(target.Path, "/") {
		target.Path = "/" + target.Path
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	setHeaders(request, action.HTTPHeaders)
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			h, p, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			number, err := strconv.Atoi(p)
			if err != nil {
				return nil, err
			}
			return dial(ctx, id, h, number)
		},
		DisableKeepAlives: true, DisableCompression: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		if next.URL.Hostname() != via[0].URL.Hostname() || len(via) >= 10 {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxOutput))
	if response.StatusCode < 200 || response.StatusCode >= 400 {
		return fmt.Errorf("HTTP probe failed with statuscode: %d", response.StatusCode)
	}
	return nil
}

// setHeaders names us as upstream's kubelet, which applications know to leave out of their logs.
func setHeaders(request *http.Request, headers []corev1.HTTPHeader) {
	request.Header.Set("User-Agent", "kube-probe/1.37")
	request.Header.Set("Accept", "*/*")
	for _, h := range headers {
		if http.CanonicalHeaderKey(h.Name) == "Host" {
			request.Host = h.Value
			continue
		}
		if request.Header.Get(h.Name) != "" && (http.CanonicalHeaderKey(h.Name) == "User-Agent" || http.CanonicalHeaderKey(h.Name) == "Accept") {
			request.Header.Del(h.Name)
		}
		request.Header.Add(h.Name, h.Value)
	}
}
