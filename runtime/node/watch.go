package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"coracle.dev/coracle/runtime"
)

const (
	relistPeriod = 90 * time.Second // events can be lost without a sign
	healthPeriod = 10 * time.Second
	// reconnects to an engine that is away: 200 ms, doubling to 5 s.
	firstReconnect = 200 * time.Millisecond
	maxReconnect   = 5 * time.Second
)

// watchEngine keeps the inventory current until ctx ends. It subscribes before it lists, so that nothing falls between.
func (n *Node) watchEngine(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		if err := n.followEngine(ctx, func() { failures = 0 }); err != nil && ctx.Err() == nil {
			failures++
			if errors.Is(err, runtime.ErrUnusable) && !n.networked() {
				n.fail(err)
				return
			}
			if turned := n.health.set(err); turned || failures == 1 { // also if it never answered yet
				n.Logger.Error().Err(err).Str("node", n.Name).Msg("container engine is away")
			}
		}
		select {
		case <-ctx.Done():
		case <-n.Clock.After(doubled(firstReconnect, max(failures, 1), maxReconnect)):
		}
	}
}

// followEngine returns when the stream of events breaks (nil) or the engine does not answer.
func (n *Node) followEngine(ctx context.Context, connected func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := n.Engine.Events(ctx)
	if err != nil {
		return fmt.Errorf("subscribe to events: %w", err)
	}
	if err := n.prepareEngine(ctx); err != nil {
		return err
	}
	if err := n.relist(ctx); err != nil {
		return err
	}
	connected()
	if n.health.set(nil) {
		n.Logger.Info().Str("node", n.Name).Str("engine", n.info.EngineName).Str("version", n.info.EngineVersion).Msg("container engine answers")
		n.enqueueAll()
	}
	relist, health := n.Clock.NewTicker(relistPeriod), n.Clock.NewTicker(healthPeriod)
	defer relist.Stop()
	defer health.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case event, open := <-events:
			if !open {
				return nil
			}
			if key, ok := n.inventory.hint(event); ok {
				n.queue.Add(key)
			}
		case <-relist.C():
			if err := n.relist(ctx); err != nil {
				return err
			}
		case <-n.doubtEngine:
			if _, err := n.Engine.Info(ctx); err != nil {
				return fmt.Errorf("ask engine: %w", err)
			}
		case <-health.C():
			if _, err := n.Engine.Info(ctx); err != nil {
				return fmt.Errorf("ask engine: %w", err)
			}
		}
	}
}

// prepareEngine learns what the engine is and what it has of the Pods' network.
func (n *Node) prepareEngine(ctx context.Context) error {
	info, err := n.Engine.Info(ctx)
	if err != nil {
		return fmt.Errorf("ask engine: %w", err)
	}
	n.mu.Lock()
	n.info = info
	n.mu.Unlock()
	if err := n.findNetwork(ctx); err != nil {
		return err
	}
	if n.Claim != nil {
		if err := n.Claim(info); err != nil {
			return misfit(err.Error())
		}
	}
	if _, cidr, _ := n.network.get(); cidr != "" {
		return n.makeNetwork(ctx, cidr)
	}
	return nil
}

func (n *Node) engineInfo() runtime.Info {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.info
}

// relist compares the inventory with the engine and takes note of addresses in use.
func (n *Node) relist(ctx context.Context) error {
	keys, err := n.inventory.list(ctx)
	if err != nil {
		return err
	}
	for _, running := range []bool{true, false} { // a finished Pod's address may be another's by now
		for _, key := range keys {
			for _, c := range n.inventory.snapshot(key) {
				if (c.State == runtime.StateRunning) == running {
					n.addresses.hold(c.Labels[runtime.LabelIP], key)
				}
			}
		}
	}
	for _, key := range keys {
		n.queue.Add(key)
	}
	return nil
}

// podsByKey finds Pods by the names that their containers carry.
const podsByKey = "key"

func newPodInformer(client kubernetes.Interface, nodeName string) cache.SharedIndexInformer {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", nodeName).String()
	}))
	informer := factory.Core().V1().Pods().Informer()
	_ = informer.SetTransform(func(obj any) (any, error) { // a third of what a Pod takes, and nothing reads it
		if pod, ok := obj.(*corev1.Pod); ok {
			pod.ManagedFields = nil
		}
		return obj, nil
	})
	// The error is of an informer that runs already, which this one does not.
	_ = informer.AddIndexers(cache.Indexers{podsByKey: func(obj any) ([]string, error) {
		pod, ok := obj.(*corev1.Pod)
		if !ok || pod.Spec.NodeName != nodeName {
			return nil, nil
		}
		return []string{indexOf(keyOf(pod))}, nil
	}})
	return informer
}

func indexOf(key Key) string { return key.Namespace + "/" + key.Name + "/" + key.UID }

// watchPods queues what changes in the API.
func (n *Node) watchPods() {
	enqueue := func(obj any) {
		if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
			obj = gone.Obj
		}
		if pod, ok := obj.(*corev1.Pod); ok && pod.Spec.NodeName == n.Name {
			n.recall.changed.Store(true)
			n.queue.Add(keyOf(pod))
		}
	}
	_, _ = n.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: enqueue, UpdateFunc: func(_, obj any) { enqueue(obj) }, DeleteFunc: enqueue,
	})
}

// podFor returns the API's Pod, nil if it has none bound to this node; while the API has not been heard of, the Pod of before.
func (n *Node) podFor(key Key) (*corev1.Pod, error) {
	if pod, serving := n.recall.pod(key); serving {
		return pod, nil
	}
	found, err := n.pods.ByIndex(podsByKey, indexOf(key))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0].(*corev1.Pod), nil
}

// enqueueAll queues every Pod that the API or the engine has.
func (n *Node) enqueueAll() {
	for _, obj := range n.pods.List() {
		if pod := obj.(*corev1.Pod); pod.Spec.NodeName == n.Name {
			n.queue.Add(keyOf(pod))
		}
	}
	for _, key := range n.inventory.keys() {
		n.queue.Add(key)
	}
}
