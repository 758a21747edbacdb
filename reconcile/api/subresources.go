package api

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// notStored are the types that are served but never stored: bodies of subresources, options of streams, and figures.
var notStored = map[schema.GroupVersion][]runtime.Object{
	corev1.SchemeGroupVersion: {
		&corev1.Binding{}, &corev1.PodLogOptions{}, &corev1.PodExecOptions{}, &corev1.PodAttachOptions{}, &corev1.PodPortForwardOptions{},
	},
	autoscalingv1.SchemeGroupVersion: {&autoscalingv1.Scale{}},
	policyv1.SchemeGroupVersion:      {&policyv1.Eviction{}},
	authorizationv1.SchemeGroupVersion: {
		&authorizationv1.SubjectAccessReview{}, &authorizationv1.LocalSubjectAccessReview{},
		&authorizationv1.SelfSubjectAccessReview{}, &authorizationv1.SelfSubjectRulesReview{},
	},
	authenticationv1.SchemeGroupVersion: {
		&authenticationv1.SelfSubjectReview{}, &authenticationv1.TokenReview{}, &authenticationv1.TokenRequest{},
	},
	metricsv1beta1.SchemeGroupVersion: {
		&metricsv1beta1.PodMetrics{}, &metricsv1beta1.PodMetricsList{}, &metricsv1beta1.NodeMetrics{}, &metricsv1beta1.NodeMetricsList{},
	},
}

func addNotStored(scheme *runtime.Scheme) error {
	for version, objects := range notStored {
		scheme.AddKnownTypes(version, objects...)
		scheme.AddKnownTypes(schema.GroupVersion{Group: version.Group, Version: runtime.APIVersionInternal}, objects...)
		if version != corev1.SchemeGroupVersion {
			metav1.AddToGroupVersion(scheme, version)
		}
	}
	for _, convert := range []struct {
		to   any
		with conversion.ConversionFunc
	}{
		{&corev1.PodLogOptions{}, func(in, out any, _ conversion.Scope) error { return readLogOptions(in, out.(*corev1.PodLogOptions)) }},
		{&corev1.PodExecOptions{}, func(in, out any, _ conversion.Scope) error { return readExecOptions(in, out.(*corev1.PodExecOptions)) }},
		{&corev1.PodAttachOptions{}, func(in, out any, _ conversion.Scope) error {
			return readAttachOptions(in, out.(*corev1.PodAttachOptions))
		}},
		{&corev1.PodPortForwardOptions{}, func(in, out any, _ conversion.Scope) error {
			return readPortForwardOptions(in, out.(*corev1.PodPortForwardOptions))
		}},
	} {
		if err := scheme.AddConversionFunc((*url.Values)(nil), convert.to, convert.with); err != nil {
			return err
		}
	}
	return nil
}

// query reads typed values out of a URL's query, and keeps the first error.
type query struct {
	values url.Values
	err    error
}

func newQuery(in any) *query { return &query{values: *in.(*url.Values)} }

func (q *query) text(name string) string { return q.values.Get(name) }

// flag follows upstream: present and not false or 0 is true.
func (q *query) flag(name string) bool {
	value := q.values.Get(name)
	return q.values.Has(name) && value != "0" && value != "false" && value != "False" && value != "FALSE"
}

func (q *query) number(name string) *int64 {
	value := q.values.Get(name)
	if value == "" {
		return nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil && q.err == nil {
		q.err = fmt.Errorf("query parameter %s: %q is not a whole number", name, value)
	}
	return &n
}

func readLogOptions(in any, out *corev1.PodLogOptions) error {
	q := newQuery(in)
	out.Container = q.text("container")
	out.Follow, out.Previous, out.Timestamps = q.flag("follow"), q.flag("previous"), q.flag("timestamps")
	out.SinceSeconds, out.TailLines, out.LimitBytes = q.number("sinceSeconds"), q.number("tailLines"), q.number("limitBytes")
	out.InsecureSkipTLSVerifyBackend = q.flag("insecureSkipTLSVerifyBackend")
	if since := q.text("sinceTime"); since != "" {
		at, err := time.Parse(time.RFC3339, since)
		if err != nil {
			return fmt.Errorf("query parameter sinceTime: %q is not a time as RFC 3339 has it", since)
		}
		out.SinceTime = &metav1.Time{Time: at}
	}
	if stream := q.text("stream"); stream != "" {
		out.Stream = &stream
	}
	return q.err
}

func readExecOptions(in any, out *corev1.PodExecOptions) error {
	q := newQuery(in)
	out.Container, out.Command = q.text("container"), q.values["command"]
	out.Stdin, out.Stdout, out.Stderr, out.TTY = q.flag("stdin"), q.flag("stdout"), q.flag("stderr"), q.flag("tty")
	return q.err
}

func readAttachOptions(in any, out *corev1.PodAttachOptions) error {
	q := newQuery(in)
	out.Container = q.text("container")
	out.Stdin, out.Stdout, out.Stderr, out.TTY = q.flag("stdin"), q.flag("stdout"), q.flag("stderr"), q.flag("tty")
	return q.err
}

func readPortForwardOptions(in any, out *corev1.PodPortForwardOptions) error {
	for _, value := range newQuery(in).values["ports"] {
		port, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			return fmt.Errorf("query parameter ports: %q is not a port number", value)
		}
		out.Ports = append(out.Ports, int32(port))
	}
	return nil
}
