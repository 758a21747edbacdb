package apiserver

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// NodeDialer opens a connection to the HTTP handler of the node with that name, or says why it can't.
type NodeDialer func(ctx context.Context, node string) (net.Conn, error)

// nodes reaches the streams of Pods: each request is proxied over a connection to the Pod's node.
type nodes struct{ dial NodeDialer }

// transport speaks HTTP/1.1 to one node. Its connections are not kept: a stream has one of its own.
func (n nodes) transport(node string) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := n.dial(ctx, node)
			if err != nil {
				return nil, fmt.Errorf("reach node %s: %w", node, err)
			}
			return conn, nil
		},
		DisableKeepAlives:     true,
		ResponseHeaderTimeout: time.Minute,
	}
}

// location is the URL of a stream on the Pod's node; the kubelet's paths are used.
func location(pod *corev1.Pod, stream, container string, query url.Values) *url.URL {
	path := "/" + stream + "/" + pod.Namespace + "/" + pod.Name
	if container != "" {
		path += "/" + container
	}
	return &url.URL{Scheme: "http", Host: pod.Spec.NodeName, Path: path, RawQuery: query.Encode()}
}

// requireNode is the error of a Pod that has no node to stream from yet.
func requireNode(pod *corev1.Pod) error {
	if pod.Spec.NodeName == "" {
		return apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", pod.Name))
	}
	return nil
}

// chooseContainer is the container that a stream is about: the named one, or the only one.
func chooseContainer(pod *corev1.Pod, name string) (string, error) {
	var names, inits []string
	for _, container := range pod.Spec.Containers {
		names = append(names, container.Name)
	}
	for _, container := range pod.Spec.InitContainers {
		inits = append(inits, container.Name)
	}
	if name == "" {
		switch len(names) {
		case 1:
			return names[0], nil
		case 0:
			return "", apierrors.NewBadRequest(fmt.Sprintf("a container name must be specified for pod %s", pod.Name))
		}
		message := fmt.Sprintf("a container name must be specified for pod %s, choose one of: %v", pod.Name, names)
		if len(inits) > 0 {
			message += fmt.Sprintf(" or one of the init containers: %v", inits)
		}
		return "", apierrors.NewBadRequest(message)
	}
	for _, known := range append(names, inits...) {
		if known == name {
			return name, nil
		}
	}
	return "", apierrors.NewBadRequest(fmt.Sprintf("container %s is not valid for pod %s", name, pod.Name))
}

func logQuery(options *corev1.PodLogOptions) url.Values {
	query := url.Values{}
	flag := func(name string, set bool) {
		if set {
			query.Set(name, "true")
		}
	}
	number := func(name string, value *int64) {
		if value != nil {
			query.Set(name, strconv.FormatInt(*value, 10))
		}
	}
	flag("follow", options.Follow)
	flag("previous", options.Previous)
	flag("timestamps", options.Timestamps)
	number("sinceSeconds", options.SinceSeconds)
	number("tailLines", options.TailLines)
	number("limitBytes", options.LimitBytes)
	if options.SinceTime != nil {
		query.Set("sinceTime", options.SinceTime.Format(time.RFC3339))
	}
	if options.Stream != nil {
		query.Set("stream", *options.Stream)
	}
	return query
}

// validateLogOptions refuses what contradicts itself, in upstream's words.
func validateLogOptions(options *corev1.PodLogOptions) error {
	var errs field.ErrorList
	positive := func(name string, value *int64, least int64, message string) {
		if value != nil && *value < least {
			errs = append(errs, field.Invalid(field.NewPath(name), *value, message))
		}
	}
	positive("tailLines", options.TailLines, 0, "must be greater than or equal to 0")
	positive("limitBytes", options.LimitBytes, 1, "must be greater than 0")
	positive("sinceSeconds", options.SinceSeconds, 1, "must be greater than 0")
	if options.SinceSeconds != nil && options.SinceTime != nil {
		errs = append(errs, field.Forbidden(field.NewPath(""), "at most one of `sinceTime` or `sinceSeconds` may be specified"))
	}
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Kind: "PodLogOptions"}, "", errs)
}

// streamQuery says which standard streams an exec or attach connects, in the kubelet's words.
func streamQuery(stdin, stdout, stderr, tty bool) url.Values {
	query := url.Values{}
	for name, set := range map[string]bool{"input": stdin, "output": stdout, "error": stderr, "tty": tty} {
		if set {
			query.Set(name, "1")
		}
	}
	return query
}
