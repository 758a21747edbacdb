package controller

import (
	"github.com/rs/zerolog"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
)

// Options are what every controller is made of. All fields must be set.
type Options struct {
	Client kubernetes.Interface
	// Informers are shared by all controllers. A controller asks for its informers when it is made, so make all
	// controllers before starting the factory.
	Informers informers.SharedInformerFactory
	Recorder  record.EventRecorder
	Clock     clock.WithTicker
	Logger    zerolog.Logger
}

// AnnotationCommit is the commit that last changed an object. A Deployment hands it to its ReplicaSet, a ReplicaSet
// to the Pods that it creates.
const AnnotationCommit = "coracle.dev/commit"
