package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"coracle.dev/coracle/runtime"
)

// work serves the queue, one goroutine a Pod that has something to do: a slow Pod delays no other.
func (n *Node) work(ctx context.Context) {
	if !n.awaitPods(ctx) {
		return
	}
	for {
		key, shutdown := n.queue.Get()
		if shutdown {
			return
		}
		n.beside(func() {
			defer n.queue.Done(key)
			if err := n.sync(ctx, key); err != nil && ctx.Err() == nil {
				n.Logger.Warn().Err(err).Str("node", n.Name).Stringer("pod", key).Msg("sync pod")
				n.queue.AddRateLimited(key)
				return
			}
			n.queue.Forget(key)
		})
	}
}

// maxRounds bounds how often a Pod is planned anew in one turn; a whole start of ten containers takes fewer.
const maxRounds = 100

// sync does for one Pod all that can be done now.
func (n *Node) sync(ctx context.Context, key Key) error {
	if up, _, _ := n.health.get(); !up {
		return nil // all are queued when it is back
	}
	state := n.state(key)
	for round := range maxRounds {
		pod, err := n.podFor(key)
		if err != nil {
			return err
		}
		seen, err := n.inventory.of(ctx, key)
		if err != nil {
			return n.engineFailed(err)
		}
		orphaned, recalled := pod == nil, n.recall.serving()
		if orphaned && recalled {
			return nil // the API knows what to make of it, once it is back
		}
		if orphaned {
			if len(seen) == 0 {
				return n.cleanUp(key)
			}
			if pod, err = n.orphan(ctx, key, seen); err != nil || pod == nil {
				return err
			}
		}
		if !orphaned && !isFinished(pod) {
			n.objects.acquire(key, pod)
		}
		n.keepProbed(key, pod, state, seen)
		steps, status := n.decide(pod, state, seen)
		forget := slices.ContainsFunc(steps.Do, func(s Step) bool { return s.Action == Forget })
		if !orphaned && !recalled && (len(steps.Do) == 0 || forget && len(pod.Finalizers) > 0 || round == 0 && urgent(pod.Status, status)) {
			n.reporter.report(pod, status)
		}
		if len(steps.Do) == 0 {
			if isFinished(pod) { // it keeps its dead containers, for their logs, and nothing else
				n.objects.release(key)
				n.tokens.release(key)
				n.addresses.release(key)
			}
			if !steps.Wake.IsZero() {
				n.queue.AddAfter(key, steps.Wake.Sub(n.Clock.Now()))
			}
			return nil
		}
		for _, step := range steps.Do {
			if step.Action == Forget {
				return n.forget(ctx, key, pod)
			}
			if err := n.execute(ctx, key, pod, state, step); err != nil {
				return n.engineFailed(fmt.Errorf("%s: %w", step, err))
			}
		}
	}
	return fmt.Errorf("pod %s does not come to rest", key)
}

// urgent says whether a status is worth a write although it will not last: the first one, and one that takes the Pod out of service.
func urgent(before, now corev1.PodStatus) bool {
	return before.StartTime == nil || podReady(before) && !podReady(now)
}

func podReady(status corev1.PodStatus) bool {
	return slices.ContainsFunc(status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// decide plans one round, and says what the API should know.
func (n *Node) decide(pod *corev1.Pod, state *podState, seen []runtime.Container) (Steps, corev1.PodStatus) {
	state.mu.Lock()
	defer state.mu.Unlock()
	now := n.Clock.Now()
	if last := state.last; last != nil && !(maps.Equal(last.Labels, pod.Labels) && maps.Equal(last.Annotations, pod.Annotations)) {
		state.memory.VolumesReady = false // the downward API may show them
	}
	state.last = pod
	state.memory.observe(seen)
	return Plan(pod, seen, state.memory, now), Status(pod, seen, state.memory, n.InternalIP, now)
}

// engineFailed has the engine asked how it is, if err says that it does not answer.
func (n *Node) engineFailed(err error) error {
	if errors.Is(err, runtime.ErrUnavailable) {
		select {
		case n.doubtEngine <- struct{}{}:
		default: // it is being asked
		}
	}
	return err
}

// orphan is the Pod as it must be treated when the API has none: one that is being deleted. It is nil if the Pod is
// not to be touched after all: the API has it, or has lost this node too, in which case the Pod is adopted instead.
func (n *Node) orphan(ctx context.Context, key Key, seen []runtime.Container) (*corev1.Pod, error) {
	live, err := n.Client.CoreV1().Pods(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
	if err == nil && keyOf(live) == key && live.Spec.NodeName == n.Name {
		n.queue.AddAfter(key, time.Second) // the informer is behind
		return nil, nil
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("ask for pod: %w", err)
	}
	if _, err := n.Client.CoreV1().Nodes().Get(ctx, n.Name, metav1.GetOptions{}); err != nil {
		if apierrors.IsNotFound(err) {
			err = errors.New("the API has lost this node")
			select {
			case n.lost <- struct{}{}:
			default: // it is being introduced again
			}
		}
		return nil, fmt.Errorf("pod %s is not in the API, and stays: %w", key, err)
	}
	state := n.state(key)
	state.mu.Lock()
	defer state.mu.Unlock()
	if state.last == nil {
		state.last = packedPod(key, seen)
	}
	if state.last.DeletionTimestamp == nil {
		pod := state.last.DeepCopy()
		pod.Finalizers = nil
		until := metav1.NewTime(n.Clock.Now().Add(gracePeriod(pod)))
		pod.DeletionTimestamp = &until
		state.last = pod
	}
	return state.last, nil
}

// forget removes the Pod from the API, once nothing of it is left on the engine.
func (n *Node) forget(ctx context.Context, key Key, pod *corev1.Pod) error {
	if err := n.reporter.flush(ctx, pod); err != nil {
		return err
	}
	now := int64(0)
	err := n.Client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now,
		Preconditions:      &metav1.Preconditions{UID: ptrTo(pod.UID)},
	})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete pod: %w", err)
	}
	return n.cleanUp(key)
}

func ptrTo(uid types.UID) *types.UID { return &uid }

// cleanUp drops what the machine still keeps of a Pod that has no containers.
func (n *Node) cleanUp(key Key) error {
	n.prober.Keep(probedPod(key), nil)
	n.objects.release(key)
	n.tokens.release(key)
	n.addresses.release(key)
	n.reporter.forget(key)
	if err := n.removeVolumes(key); err != nil {
		return fmt.Errorf("remove volumes: %w", err)
	}
	n.forgetState(key)
	return nil
}
