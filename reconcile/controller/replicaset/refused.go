package replicaset

import (
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"

	"coracle.dev/coracle/reconcile/controller"
)

// watchRefusals has those that lack Pods try again at once when something changes that their Pods may have been refused for,
// whatever the back-off: who raises a quota waits for nobody.
func (c *Controller) watchRefusals(options Options) {
	core := options.Informers.Core().V1()
	c.loop.Watch(core.ResourceQuotas().Informer(), controller.Handler[*corev1.ResourceQuota]{
		Updated: func(old, quota *corev1.ResourceQuota) {
			if gaveRoom(&old.Status, &quota.Status) {
				c.retry(quota.Namespace)
			}
		},
		Deleted: func(quota *corev1.ResourceQuota) { c.retry(quota.Namespace) },
	})
	c.loop.Watch(core.LimitRanges().Informer(), controller.Handler[*corev1.LimitRange]{
		Added: func(limits *corev1.LimitRange) { c.retry(limits.Namespace) }, // a default may be what was missing
		Updated: func(old, limits *corev1.LimitRange) {
			if !apiequality.Semantic.DeepEqual(old.Spec, limits.Spec) {
				c.retry(limits.Namespace)
			}
		},
		Deleted: func(limits *corev1.LimitRange) { c.retry(limits.Namespace) },
	})
	c.loop.Watch(core.ServiceAccounts().Informer(), controller.Handler[*corev1.ServiceAccount]{
		Added: func(account *corev1.ServiceAccount) { c.retry(account.Namespace) },
	})
	c.loop.Watch(options.Informers.Scheduling().V1().PriorityClasses().Informer(), controller.Handler[*schedulingv1.PriorityClass]{
		Added: func(*schedulingv1.PriorityClass) { c.retry(metav1.NamespaceAll) },
	})
}

// gaveRoom reports whether of any amount more is free than before. An amount without a bound is all free.
func gaveRoom(before, after *corev1.ResourceQuotaStatus) bool {
	for name, bound := range before.Hard {
		now, bounded := after.Hard[name]
		if !bounded {
			return true
		}
		free, was := now.DeepCopy(), bound.DeepCopy()
		free.Sub(after.Used[name])
		was.Sub(before.Used[name])
		if free.Cmp(was) > 0 {
			return true
		}
	}
	return false
}

// retry queues those of the namespace that lack Pods.
func (c *Controller) retry(namespace string) {
	_ = cache.ListAllByNamespace(c.kind.informer.GetIndexer(), namespace, labels.Everything(), func(obj any) {
		if rs := c.kind.replicaSet(obj); int(rs.Status.Replicas) < replicas(rs) {
			c.loop.Add(controller.KeyOf(rs))
		}
	})
}
