package live

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

// Watch writes lines to out until ctx ends, and closes settledOnce when first all that the source holds runs.
func Watch(ctx context.Context, config *rest.Config, out io.Writer, settledOnce chan<- struct{}) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a dynamic client: %w", err)
	}
	deployments := informers.NewSharedInformerFactory(client, 0)
	applications := dynamicinformer.NewDynamicSharedInformerFactory(objects, 0)
	w := &writer{out: out, said: map[string]string{}, settled: settledOnce}
	if err := w.follow(deployments.Apps().V1().Deployments().Informer()); err != nil {
		return err
	}
	if err := w.follow(applications.ForResource(v1alpha1.ApplicationResource).Informer()); err != nil {
		return err
	}
	deployments.Start(ctx.Done())
	applications.Start(ctx.Done())
	<-ctx.Done()
	deployments.Shutdown()
	applications.Shutdown()
	return nil
}

// writer is called by one goroutine for each kind.
type writer struct {
	mu      sync.Mutex
	out     io.Writer
	said    map[string]string // by kind and name
	settled chan<- struct{}   // nil once it is closed
}

func (w *writer) follow(informer cache.SharedIndexInformer) error {
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    w.show,
		UpdateFunc: func(_, object any) { w.show(object) },
		DeleteFunc: w.gone,
	})
	if err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	return nil
}

func (w *writer) show(object any) {
	switch o := object.(type) {
	case *appsv1.Deployment:
		w.say("deployment/"+o.Name, deploymentLine(o))
	case *unstructured.Unstructured:
		app := &v1alpha1.Application{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, app); err != nil {
			w.say("application/"+o.GetName(), err.Error())
			return
		}
		w.say("application/"+app.Name, applicationLine(app))
		if settled(app) {
			w.settle()
		}
	}
}

func (w *writer) gone(object any) {
	if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	if d, ok := object.(*appsv1.Deployment); ok {
		w.say("deployment/"+d.Name, fmt.Sprintf("%-10s gone", d.Name))
	}
}

func (w *writer) say(about, line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if line == "" || w.said[about] == line {
		return
	}
	w.said[about] = line
	fmt.Fprintf(w.out, "%s  %s\n", time.Now().Format(time.TimeOnly), line)
}

func (w *writer) settle() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.settled != nil {
		close(w.settled)
		w.settled = nil
	}
}
