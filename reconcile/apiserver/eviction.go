package apiserver

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/dryrun"
	"k8s.io/client-go/util/retry"
	budgets "k8s.io/component-helpers/apps/poddisruptionbudget"
	"k8s.io/utils/ptr"
)

// evictionREST is pods/eviction: a deletion that disruption budgets can refuse. Who drains a node asks again until it is allowed.
type evictionREST struct {
	pods, budgets          *registry
	podStatus, budgetState rest.Updater
}

var (
	_ rest.NamedCreater             = &evictionREST{}
	_ rest.GroupVersionKindProvider = &evictionREST{}
)

func newEvictionREST(pods, budgets *registry) *evictionREST {
	return &evictionREST{pods: pods, budgets: budgets, podStatus: newStatusREST(pods), budgetState: newStatusREST(budgets)}
}

func (e *evictionREST) New() runtime.Object { return &policyv1.Eviction{} }

// Destroy does nothing: the storage belongs to the Pods.
func (e *evictionREST) Destroy() {}

func (e *evictionREST) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return policyv1.SchemeGroupVersion.WithKind("Eviction")
}

// Create deletes the Pod with the options of the eviction, if its budget allows.
func (e *evictionREST) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	eviction, ok := obj.(*policyv1.Eviction)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not an Eviction object: %T", obj))
	}
	if eviction.Name != "" && eviction.Name != name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Eviction object")
	}
	if validate != nil {
		if err := validate(ctx, eviction.DeepCopy()); err != nil {
			return nil, err
		}
	}
	deletion := &metav1.DeleteOptions{}
	if eviction.DeleteOptions != nil {
		deletion = eviction.DeleteOptions.DeepCopy()
	}
	if len(options.DryRun) > 0 {
		deletion.DryRun = options.DryRun
	}
	// A Pod that others write meanwhile is judged again, unless the client wants it as it knew it.
	again := apierrors.IsConflict
	if p := deletion.Preconditions; p != nil && (p.ResourceVersion != nil || p.UID != nil) {
		again = func(error) bool { return false }
	}
	err := retry.OnError(retry.DefaultBackoff, again, func() error { return e.evict(ctx, name, deletion) })
	if err != nil {
		return nil, err
	}
	return &metav1.Status{Status: metav1.StatusSuccess}, nil
}

func (e *evictionREST) evict(ctx context.Context, name string, deletion *metav1.DeleteOptions) error {
	found, err := e.pods.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return err
	}
	pod := found.(*corev1.Pod)
	deletion = deletion.DeepCopy()
	if deletion.Preconditions == nil {
		deletion.Preconditions = &metav1.Preconditions{}
	}
	if deletion.Preconditions.UID == nil {
		deletion.Preconditions.UID = &pod.UID
	}
	if !disrupts(pod) {
		if pod.Status.Phase == corev1.PodPending && deletion.Preconditions.ResourceVersion == nil { // it may start meanwhile
			deletion.Preconditions.ResourceVersion = &pod.ResourceVersion
		}
		return e.delete(ctx, name, deletion)
	}
	budget, err := e.budget(ctx, pod)
	if err != nil {
		return err
	}
	switch {
	case budget == nil:
	case spare(pod, budget):
		// It may become ready meanwhile, and be missed.
		if deletion.Preconditions.ResourceVersion == nil {
			deletion.Preconditions.ResourceVersion = &pod.ResourceVersion
		}
		return e.delete(ctx, name, deletion)
	default:
		if err := e.charge(ctx, pod, budget.Name, dryrun.IsDryRun(deletion.DryRun)); err != nil {
			return err
		}
	}
	if err := e.mark(ctx, pod, deletion); err != nil {
		return err
	}
	return e.delete(ctx, name, deletion)
}

func (e *evictionREST) delete(ctx context.Context, name string, deletion *metav1.DeleteOptions) error {
	_, _, err := e.pods.Delete(ctx, name, rest.ValidateAllObjectFunc, deletion)
	return err
}

// disrupts reports whether anybody would miss the Pod: one that has ended, has not begun or is going already is in no
// budget.
func disrupts(pod *corev1.Pod) bool {
	switch pod.Status.Phase {
	case corev1.PodPending, corev1.PodSucceeded, corev1.PodFailed:
		return false
	}
	return pod.DeletionTimestamp == nil
}

// budget is the one that selects the Pod; nil if none does.
func (e *evictionREST) budget(ctx context.Context, pod *corev1.Pod) (*policyv1.PodDisruptionBudget, error) {
	found, err := e.budgets.List(ctx, &metainternalversion.ListOptions{})
	if err != nil {
		return nil, err
	}
	var selecting []*policyv1.PodDisruptionBudget
	list := found.(*policyv1.PodDisruptionBudgetList)
	for i := range list.Items {
		selector, err := metav1.LabelSelectorAsSelector(list.Items[i].Spec.Selector)
		if err == nil && selector.Matches(labels.Set(pod.Labels)) {
			selecting = append(selecting, &list.Items[i])
		}
	}
	switch len(selecting) {
	case 0:
		return nil, nil
	case 1:
		return selecting[0], nil
	}
	return nil, &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: 500,
		Message: "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
	}}
}

// spare reports whether the budget does not need the Pod, since it is not ready: with the policy AlwaysAllow, and else as long
// as enough others are.
func spare(pod *corev1.Pod, budget *policyv1.PodDisruptionBudget) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
			return false
		}
	}
	if ptr.Deref(budget.Spec.UnhealthyPodEvictionPolicy, policyv1.IfHealthyBudget) == policyv1.AlwaysAllow {
		return true
	}
	return budget.Status.CurrentHealthy >= budget.Status.DesiredHealthy && budget.Status.DesiredHealthy > 0
}

// mostDisrupted is how many evicted Pods a budget notes before its controller must have seen some of them.
const mostDisrupted = 2000

// charge takes one disruption from the budget and notes the Pod in it, so that two evictions at once count as two.
func (e *evictionREST) charge(ctx context.Context, pod *corev1.Pod, name string, dryRun bool) error {
	options := &metav1.UpdateOptions{}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	update := rest.DefaultUpdatedObjectInfo(nil, func(_ context.Context, _, old runtime.Object) (runtime.Object, error) {
		budget := old.DeepCopyObject().(*policyv1.PodDisruptionBudget)
		return budget, chargeBudget(budget, pod.Name, time.Now())
	})
	_, _, err := e.budgetState.Update(ctx, name, update, rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false, options)
	return err
}

func chargeBudget(budget *policyv1.PodDisruptionBudget, pod string, now time.Time) error {
	status, resource := &budget.Status, policyv1.Resource("poddisruptionbudget")
	switch {
	case status.ObservedGeneration < budget.Generation:
		return wouldViolate(10, fmt.Sprintf("The disruption budget %s is still being processed by the server.", budget.Name))
	case status.DisruptionsAllowed < 0:
		return apierrors.NewForbidden(resource, budget.Name, errors.New("pdb disruptions allowed is negative"))
	case len(status.DisruptedPods) > mostDisrupted:
		return apierrors.NewForbidden(resource, budget.Name, errors.New("DisruptedPods map too big - too many evictions not confirmed by PDB controller"))
	case status.DisruptionsAllowed == 0:
		return wouldViolate(0, fmt.Sprintf("The disruption budget %s needs %d healthy pods and has %d currently",
			budget.Name, status.DesiredHealthy, status.CurrentHealthy))
	}
	status.DisruptionsAllowed--
	budgets.UpdateDisruptionAllowedCondition(budget)
	if status.DisruptedPods == nil {
		status.DisruptedPods = map[string]metav1.Time{}
	}
	status.DisruptedPods[pod] = metav1.NewTime(now)
	return nil
}

// wouldViolate is what `kubectl drain` takes as "later".
func wouldViolate(retrySeconds int, cause string) error {
	err := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", retrySeconds)
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{Type: policyv1.DisruptionBudgetCause, Message: cause})
	return err
}

// mark says in the Pod's status why it is about to go.
func (e *evictionREST) mark(ctx context.Context, pod *corev1.Pod, deletion *metav1.DeleteOptions) error {
	update := rest.DefaultUpdatedObjectInfo(nil, func(_ context.Context, _, old runtime.Object) (runtime.Object, error) {
		marked := old.DeepCopyObject().(*corev1.Pod)
		if marked.UID != pod.UID {
			return nil, apierrors.NewConflict(groupResource(e.pods.kind), pod.Name, preconditionError(pod.UID, marked.UID))
		}
		setPodCondition(marked, corev1.PodCondition{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI", Message: "Eviction API: evicting",
			LastTransitionTime: metav1.Now(), ObservedGeneration: marked.Generation,
		})
		return marked, nil
	})
	_, _, err := e.podStatus.Update(ctx, pod.Name, update, rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false,
		&metav1.UpdateOptions{DryRun: deletion.DryRun})
	return err
}

func setPodCondition(pod *corev1.Pod, condition corev1.PodCondition) {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == condition.Type {
			pod.Status.Conditions[i] = condition
			return
		}
	}
	pod.Status.Conditions = append(pod.Status.Conditions, condition)
}
