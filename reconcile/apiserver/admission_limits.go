package apiserver

import (
	"cmp"
	"context"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"

	"coracle.dev/coracle/reconcile/api/limits"
)

// limitRanges completes each new Pod by the LimitRanges of its namespace, and refuses what is out of their bounds.
type limitRanges struct {
	*admission.Handler
	lister corelisters.LimitRangeLister
}

var (
	_ admission.MutationInterface   = &limitRanges{}
	_ admission.ValidationInterface = &limitRanges{}
)

func newLimitRangeAdmission(factory informers.SharedInformerFactory) *limitRanges {
	informer := factory.Core().V1().LimitRanges()
	plugin := &limitRanges{Handler: admission.NewHandler(admission.Create), lister: informer.Lister()}
	plugin.SetReadyFunc(informer.Informer().HasSynced)
	return plugin
}

// Admit implements admission.MutationInterface.
func (l *limitRanges) Admit(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	return l.each(a, func(pod *corev1.Pod, limitRange *corev1.LimitRange) error {
		limits.Complete(pod, limitRange)
		return nil
	})
}

// Validate implements admission.ValidationInterface.
func (l *limitRanges) Validate(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	return l.each(a, func(pod *corev1.Pod, limitRange *corev1.LimitRange) error {
		if err := limits.Check(pod, limitRange); err != nil {
			return admission.NewForbidden(a, err)
		}
		return nil
	})
}

// each visits the LimitRanges of a new Pod's namespace, by name, up to the first error.
func (l *limitRanges) each(a admission.Attributes, visit func(*corev1.Pod, *corev1.LimitRange) error) error {
	pod, ok := a.GetObject().(*corev1.Pod)
	if !ok || a.GetSubresource() != "" {
		return nil
	}
	if !l.WaitForReady() {
		return admission.NewForbidden(a, errors.New("not yet ready to handle request"))
	}
	found, err := l.lister.LimitRanges(a.GetNamespace()).List(labels.Everything())
	if err != nil {
		return admission.NewForbidden(a, err)
	}
	slices.SortFunc(found, func(a, b *corev1.LimitRange) int { return cmp.Compare(a.Name, b.Name) })
	for _, limitRange := range found {
		if err := visit(pod, limitRange); err != nil {
			return err
		}
	}
	return nil
}
