package apiserver

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota"
	apiquota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/api"
	"coracle.dev/coracle/reconcile/api/quota"
)

// quotaWorkers is how many namespaces are charged at once. In one namespace it is one after the other.
const quotaWorkers = 5

// quotas charges each new object to the quotas of its namespace before it is stored, and refuses what they have no room for.
type quotas struct {
	*admission.Handler
	lister    corelisters.ResourceQuotaLister
	evaluator resourcequota.Evaluator
}

var _ admission.ValidationInterface = &quotas{}

// newQuotaAdmission charges until stop is closed.
func newQuotaAdmission(client kubernetes.Interface, factory informers.SharedInformerFactory, stop <-chan struct{}) *quotas {
	informer := factory.Core().V1().ResourceQuotas()
	plugin := &quotas{Handler: admission.NewHandler(admission.Create, admission.Update), lister: informer.Lister()}
	plugin.SetReadyFunc(informer.Informer().HasSynced)
	plugin.evaluator = resourcequota.NewQuotaEvaluator(newQuotaAccounts(client, informer.Lister()), uncharged,
		generic.NewRegistry(evaluators(clock.RealClock{})), nil, nil, quotaWorkers, stop)
	return plugin
}

// Validate implements admission.ValidationInterface. A namespace without quotas is not asked twice.
func (q *quotas) Validate(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetNamespace() == "" || a.GetResource().GroupResource() == corev1.Resource("namespaces") || !chargeable(a) {
		return nil
	}
	if !q.WaitForReady() {
		return admission.NewForbidden(a, errors.New("not yet ready to handle request"))
	}
	if found, err := q.lister.ResourceQuotas(a.GetNamespace()).List(labels.Everything()); err == nil && len(found) == 0 {
		return nil
	}
	return q.evaluator.Evaluate(a)
}

// chargeable is what can use more than before: new objects, and Services that get other ports. A Pod's share is for life.
func chargeable(a admission.Attributes) bool {
	if a.GetSubresource() != "" {
		return false
	}
	return a.GetOperation() == admission.Create || a.GetOperation() == admission.Update && a.GetResource().GroupResource() == corev1.Resource("services")
}

// uncharged are resources that quotas do not count: Events, as in Kubernetes, and what is not stored.
var uncharged = map[schema.GroupResource]struct{}{
	{Resource: "events"}:                         {},
	{Group: "events.k8s.io", Resource: "events"}: {},
	{Resource: "bindings"}:                       {},
}

func evaluators(clock clock.PassiveClock) []apiquota.Evaluator {
	var list []apiquota.Evaluator
	for _, kind := range api.Kinds() {
		if _, free := uncharged[groupResource(kind)]; kind.Namespaced && !free {
			list = append(list, evaluator{quota.For(groupResource(kind)), clock})
		}
	}
	return list
}

// evaluator is a quota.Meter as the library wants it.
type evaluator struct {
	meter quota.Meter
	clock clock.PassiveClock
}

var _ apiquota.Evaluator = evaluator{}

func (e evaluator) GroupResource() schema.GroupResource { return e.meter.Resource }

func (e evaluator) Handles(a admission.Attributes) bool { return chargeable(a) }

func (e evaluator) Constraints(bounded []corev1.ResourceName, obj runtime.Object) error {
	return e.meter.Require(bounded, obj)
}

func (e evaluator) Matches(q *corev1.ResourceQuota, obj runtime.Object) (bool, error) {
	return len(e.MatchingResources(apiquota.ResourceNames(q.Status.Hard))) > 0 && e.meter.InScopes(obj, &q.Spec), nil
}

func (e evaluator) MatchingResources(names []corev1.ResourceName) []corev1.ResourceName {
	var tracked []corev1.ResourceName
	for _, name := range names {
		if e.meter.Tracks(name) {
			tracked = append(tracked, name)
		}
	}
	return tracked
}

func (e evaluator) MatchingScopes(obj runtime.Object, scopes []corev1.ScopedResourceSelectorRequirement) ([]corev1.ScopedResourceSelectorRequirement, error) {
	var matching []corev1.ScopedResourceSelectorRequirement
	for _, scope := range scopes {
		if e.meter.InScope(obj, scope) {
			matching = append(matching, scope)
		}
	}
	return matching, nil
}

// UncoveredQuotaScopes are none: nothing needs a quota to be allowed.
func (e evaluator) UncoveredQuotaScopes(_, _ []corev1.ScopedResourceSelectorRequirement) ([]corev1.ScopedResourceSelectorRequirement, error) {
	return nil, nil
}

func (e evaluator) Usage(obj runtime.Object) (corev1.ResourceList, error) {
	return e.meter.Usage(obj, e.clock.Now()), nil
}

// UsageStats is an error: what is there already, the quota controller counts.
func (e evaluator) UsageStats(apiquota.UsageStatsOptions) (apiquota.UsageStats, error) {
	return apiquota.UsageStats{}, errors.New("admission counts no objects that exist")
}
