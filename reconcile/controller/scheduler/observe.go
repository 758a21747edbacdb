package scheduler

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"

	"coracle.dev/coracle/reconcile/controller"
)

// nodeEvents keeps the State's nodes, and wakes the Pods that a change could help.
func (c *Controller) nodeEvents() controller.Handler[*corev1.Node] {
	set := func(old, node *corev1.Node) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.state.SetNode(node)
		c.wake(nodeChangeHelps(old, node))
	}
	return controller.Handler[*corev1.Node]{
		Added:   func(node *corev1.Node) { set(nil, node) },
		Updated: set,
		Deleted: func(node *corev1.Node) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.state.RemoveNode(node.Name)
			c.wake(nodeChangeHelps(node, nil))
		},
	}
}

func (c *Controller) namespaceEvents() controller.Handler[*corev1.Namespace] {
	set := func(namespace *corev1.Namespace) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.state.SetNamespace(namespace.Name, labels.Set(namespace.Labels))
		c.wake(namespaceHelps)
	}
	return controller.Handler[*corev1.Namespace]{
		Added: set,
		Updated: func(old, namespace *corev1.Namespace) {
			if !maps.Equal(old.Labels, namespace.Labels) {
				set(namespace)
			}
		},
		Deleted: func(namespace *corev1.Namespace) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.state.RemoveNamespace(namespace.Name)
		},
	}
}

// budgetEvents keeps the disruption budgets. None keeps a Pod from its node, so nothing is tried again for them.
func (c *Controller) budgetEvents() controller.Handler[*policyv1.PodDisruptionBudget] {
	handler := controller.On(func(budget *policyv1.PodDisruptionBudget) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.state.SetBudget(budget)
	})
	handler.Deleted = func(budget *policyv1.PodDisruptionBudget) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.state.RemoveBudget(cache.MetaObjectToName(budget))
	}
	return handler
}

// podEvents queues Pods without a node, and keeps those that have one in the State.
func (c *Controller) podEvents() controller.Handler[*corev1.Pod] {
	return controller.Handler[*corev1.Pod]{
		Added: func(pod *corev1.Pod) {
			if pending(pod) {
				c.nominate(pod)
			}
			c.seen(nil, pod)
		},
		Updated: c.seen,
		Deleted: func(pod *corev1.Pod) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.forget(pod)
		},
	}
}

// seen takes over a Pod as the informer shows it; old is nil for the first time.
func (c *Controller) seen(old, pod *corev1.Pod) {
	switch {
	case settled(pod):
		c.settle(old, pod)
	case pending(pod):
		if old == nil || !pending(old) || wishesDiffer(old, pod) {
			c.mu.Lock()
			delete(c.waiting, keyOf(pod))
			delete(c.attempts, pod.UID)
			c.mu.Unlock()
			c.loop.Add(keyOf(pod))
		}
	default:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.forget(pod)
	}
}

// settle counts a Pod where it is bound, which for an assumed one is where it is counted already.
func (c *Controller) settle(old, pod *corev1.Pod) {
	helped := Cause(arrivalHelps)
	if old != nil && settled(old) {
		if helped = podChangeHelps(old, pod); helped == 0 {
			return
		}
	}
	counted, _ := NewPod(pod) // what cannot be parsed of a Pod that has its node does not matter
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.assumed[pod.UID] == pod.Spec.NodeName {
		helped &^= arrivalHelps // it had arrived when it was assumed
	}
	delete(c.assumed, pod.UID)
	delete(c.waiting, keyOf(pod))
	delete(c.reported, pod.UID)
	delete(c.attempts, pod.UID)
	c.state.Place(counted, pod.Spec.NodeName)
	c.wake(helped)
}

// forget drops a Pod that uses no node and wants none any more. The caller holds the lock.
func (c *Controller) forget(pod *corev1.Pod) {
	delete(c.waiting, keyOf(pod))
	delete(c.reported, pod.UID)
	delete(c.attempts, pod.UID)
	delete(c.assumed, pod.UID)
	nodeName := c.state.nominees[pod.UID].node
	if on, placed := c.state.pods[pod.UID]; placed {
		nodeName = on.node.Name
	}
	c.state.Remove(pod.UID)
	if nodeName != "" {
		c.vacated(nodeName)
	}
}

// nominate keeps the room that was kept for a Pod before this process began.
func (c *Controller) nominate(object *corev1.Pod) {
	if object.Status.NominatedNodeName == "" {
		return
	}
	if pod, err := NewPod(object); err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.state.Nominate(pod, object.Status.NominatedNodeName)
	}
}

// wishesDiffer reports whether a Pod without a node wants something else than before. Its status does not count: that is
// where the scheduler itself writes.
func wishesDiffer(old, pod *corev1.Pod) bool {
	return !maps.Equal(old.Labels, pod.Labels) || !equality.Semantic.DeepEqual(old.Spec, pod.Spec)
}
