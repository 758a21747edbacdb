package main

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
)

// events records Events about objects in the API, for each component in its own name. Each has a queue of its own too: a
// full one drops Events, and a rollout of many Pods fills that of the node.
type events struct {
	sink         record.EventSink
	broadcasters []record.EventBroadcaster
}

func newEvents(client kubernetes.Interface) *events {
	return &events{sink: &coreclient.EventSinkImpl{Interface: client.CoreV1().Events("")}}
}

func (e *events) recorder(component, host string) record.EventRecorder {
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(e.sink)
	e.broadcasters = append(e.broadcasters, broadcaster)
	return broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: component, Host: host})
}

func (e *events) stop() {
	for _, broadcaster := range e.broadcasters {
		broadcaster.Shutdown()
	}
}
