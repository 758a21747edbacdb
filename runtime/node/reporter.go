package node

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"
)

// reporter writes Pod statuses to the API. Of several reports on a Pod, only the newest is written; what the API
// has already is not.
type reporter struct {
	client kubernetes.Interface
	logger zerolog.Logger
	queue  workqueue.TypedRateLimitingInterface[Key]

	mu      sync.Mutex
	reports map[Key]*report
}

type report struct {
	pod     *corev1.Pod // as the API has it, to the best of our knowledge
	status  corev1.PodStatus
	pending bool
}

// reportWriters bounds how many statuses are written at the same time.
const reportWriters = 8

func newReporter(client kubernetes.Interface, logger zerolog.Logger) *reporter {
	return &reporter{
		client: client, logger: logger, reports: map[Key]*report{},
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[Key]()),
	}
}

// report asks for status to be written to pod. It does not wait.
func (r *reporter) report(pod *corev1.Pod, status corev1.PodStatus) {
	key := keyOf(pod)
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.reports[key]
	if known == nil {
		known = &report{pod: pod}
		r.reports[key] = known
	}
	known.pod = newer(known.pod, pod)
	known.status = status
	if sameStatus(known.pod.Status, merged(known.pod.Status, status)) {
		known.pending = false
		return
	}
	known.pending = true
	r.queue.Add(key)
}

func newer(a, b *corev1.Pod) *corev1.Pod {
	if order, err := resourceversion.CompareResourceVersion(a.ResourceVersion, b.ResourceVersion); err == nil && order > 0 {
		return a
	}
	return b
}

func sameStatus(a, b corev1.PodStatus) bool { return apiequality.Semantic.DeepEqual(a, b) }

// ownConditions are those that the node writes; others keep what they have.
var ownConditions = []corev1.PodConditionType{
	corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady,
}

// merged is the node's status over what the API has. A phase that is final stays.
func merged(base, own corev1.PodStatus) corev1.PodStatus {
	status := *own.DeepCopy()
	status.QOSClass = base.QOSClass
	status.NominatedNodeName = base.NominatedNodeName
	if base.Phase == corev1.PodSucceeded || base.Phase == corev1.PodFailed {
		status.Phase, status.Reason, status.Message = base.Phase, base.Reason, base.Message
	}
	conditions := slices.Clone(base.Conditions)
	for _, c := range own.Conditions {
		i := slices.IndexFunc(conditions, func(b corev1.PodCondition) bool { return b.Type == c.Type })
		switch {
		case i < 0:
			conditions = append(conditions, c)
		case slices.Contains(ownConditions, c.Type):
			// Judged on a Pod as the watch shows it, which may be behind what was written: no change is no transition.
			if c.Status == conditions[i].Status {
				c.LastTransitionTime = conditions[i].LastTransitionTime
			}
			conditions[i] = c
		}
	}
	status.Conditions = conditions
	return status
}

func (r *reporter) run(ctx context.Context) {
	var writers sync.WaitGroup
	for range reportWriters {
		writers.Go(func() {
			for r.writeNext(ctx) {
			}
		})
	}
	<-ctx.Done()
	r.queue.ShutDown()
	writers.Wait()
}

func (r *reporter) writeNext(ctx context.Context) bool {
	key, shutdown := r.queue.Get()
	if shutdown {
		return false
	}
	defer r.queue.Done(key)
	if err := r.write(ctx, key); err != nil && ctx.Err() == nil {
		r.logger.Warn().Err(err).Stringer("pod", key).Msg("report status")
		r.queue.AddRateLimited(key)
		return true
	}
	r.queue.Forget(key)
	return true
}

// write brings the newest report to the API.
func (r *reporter) write(ctx context.Context, key Key) error {
	for range 5 { // conflicts with other writers
		r.mu.Lock()
		known := r.reports[key]
		if known == nil || !known.pending {
			r.mu.Unlock()
			return nil
		}
		pod := known.pod.DeepCopy()
		pod.Status = merged(pod.Status, known.status)
		r.mu.Unlock()

		written, err := r.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
		switch {
		case apierrors.IsConflict(err):
			written, err = r.client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
			if err == nil && keyOf(written) != key {
				err = apierrors.NewNotFound(corev1.Resource("pods"), pod.Name)
			}
		}
		if apierrors.IsNotFound(err) {
			r.forget(key)
			return nil
		}
		if err != nil {
			return fmt.Errorf("update status: %w", err)
		}
		r.mu.Lock()
		known.pod = newer(known.pod, written)
		known.pending = !sameStatus(known.pod.Status, merged(known.pod.Status, known.status))
		r.mu.Unlock()
	}
	return fmt.Errorf("update status: the pod changes too often")
}

// flush writes a pending report of a Pod that others wait for before it goes, and drops those of others.
func (r *reporter) flush(ctx context.Context, pod *corev1.Pod) error {
	if len(pod.Finalizers) == 0 {
		r.forget(keyOf(pod))
		return nil
	}
	return r.write(ctx, keyOf(pod))
}

func (r *reporter) forget(key Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.reports, key)
}
