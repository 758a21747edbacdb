package main

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
)

// events records Events about objects in the API, for each component in its own name.
type events struct {
	broadcaster record.EventBroadcaster
}

func newEvents(client kubernetes.Interface) *events {
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&coreclient.EventSinkImpl{Interface: client.CoreV1().Events("")})
	return &events{broadcaster}
}

func (e *events) recorder(component, host string) record.EventRecorder {
	return e.broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: component, Host: host})
}

func (e *events) stop() { e.broadcaster.Shutdown() }
