package apiserver

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	schedulinglisters "k8s.io/client-go/listers/scheduling/v1"

	"coracle.dev/coracle/reconcile/api"
)

// priorities gives each new Pod the priority of its class, and keeps the classes: one default, and those of the system.
type priorities struct {
	*admission.Handler
	client kubernetes.Interface
	lister schedulinglisters.PriorityClassLister
}

var (
	_ admission.MutationInterface   = &priorities{}
	_ admission.ValidationInterface = &priorities{}
)

func newPriorityAdmission(client kubernetes.Interface, factory informers.SharedInformerFactory) *priorities {
	informer := factory.Scheduling().V1().PriorityClasses()
	plugin := &priorities{
		Handler: admission.NewHandler(admission.Create, admission.Update, admission.Delete), client: client, lister: informer.Lister(),
	}
	plugin.SetReadyFunc(informer.Informer().HasSynced)
	return plugin
}

// Admit implements admission.MutationInterface.
func (p *priorities) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	pod, ok := a.GetObject().(*corev1.Pod)
	if !ok || a.GetSubresource() != "" || a.GetOperation() != admission.Create {
		return nil
	}
	if !p.WaitForReady() {
		return admission.NewForbidden(a, errors.New("not yet ready to handle request"))
	}
	class, err := p.class(ctx, pod.Spec.PriorityClassName)
	if apierrors.IsNotFound(err) {
		return admission.NewForbidden(a, fmt.Errorf("no PriorityClass with name %s was found", pod.Spec.PriorityClassName))
	}
	if err != nil {
		return admission.NewForbidden(a, fmt.Errorf("get PriorityClass %s: %w", pod.Spec.PriorityClassName, err))
	}
	if err := prioritize(pod, class); err != nil {
		return admission.NewForbidden(a, err)
	}
	return nil
}

// class is that of the name, or of Pods without one: the default, or else one that stands for priority 0.
func (p *priorities) class(ctx context.Context, name string) (*schedulingv1.PriorityClass, error) {
	if name == "" {
		classes, err := p.lister.List(labels.Everything())
		if class := defaultClass(classes); class != nil || err != nil {
			return class, err
		}
		lower := corev1.PreemptLowerPriority
		return &schedulingv1.PriorityClass{PreemptionPolicy: &lower}, nil
	}
	class, err := p.lister.Get(name)
	if apierrors.IsNotFound(err) { // the cache may be behind
		return p.client.SchedulingV1().PriorityClasses().Get(ctx, name, metav1.GetOptions{})
	}
	return class, err
}

// defaultClass is the class of Pods that name none; nil if there is none. Should two be made at once, the lower one counts.
func defaultClass(classes []*schedulingv1.PriorityClass) *schedulingv1.PriorityClass {
	classes = slices.DeleteFunc(slices.Clone(classes), func(c *schedulingv1.PriorityClass) bool { return !c.GlobalDefault })
	if len(classes) == 0 {
		return nil
	}
	return slices.MinFunc(classes, func(a, b *schedulingv1.PriorityClass) int { return int(int64(a.Value) - int64(b.Value)) })
}

// prioritize writes down in the Pod what its class says, once and for all. A Pod that itself says something else is wrong.
func prioritize(pod *corev1.Pod, class *schedulingv1.PriorityClass) error {
	spec := &pod.Spec
	if spec.Priority != nil && *spec.Priority != class.Value {
		return fmt.Errorf("the integer value of priority (%d) must not be provided in pod spec; priority admission controller computed %d from the given PriorityClass name",
			*spec.Priority, class.Value)
	}
	if class.PreemptionPolicy != nil {
		if spec.PreemptionPolicy != nil && *spec.PreemptionPolicy != *class.PreemptionPolicy {
			return fmt.Errorf("the string value of PreemptionPolicy (%s) must not be provided in pod spec; priority admission controller computed %s from the given PriorityClass name",
				*spec.PreemptionPolicy, *class.PreemptionPolicy)
		}
		policy := *class.PreemptionPolicy
		spec.PreemptionPolicy = &policy
	}
	value := class.Value
	spec.PriorityClassName, spec.Priority = class.Name, &value
	return nil
}

// Validate implements admission.ValidationInterface.
func (p *priorities) Validate(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetResource().GroupResource() != schedulingv1.Resource("priorityclasses") {
		return nil
	}
	if a.GetOperation() == admission.Delete {
		return keepSystemClass(a)
	}
	class, ok := a.GetObject().(*schedulingv1.PriorityClass)
	if !ok || !class.GlobalDefault {
		return nil
	}
	if !p.WaitForReady() {
		return admission.NewForbidden(a, errors.New("not yet ready to handle request"))
	}
	classes, err := p.lister.List(labels.Everything())
	if err != nil {
		return admission.NewForbidden(a, err)
	}
	if other := defaultClass(classes); other != nil && other.Name != class.Name {
		return admission.NewForbidden(a, fmt.Errorf("PriorityClass %s is already marked as default. Only one default can exist", other.Name))
	}
	return nil
}

// keepSystemClass refuses to delete a class that the system counts on. Of a deleted collection only the objects have names.
func keepSystemClass(a admission.Attributes) error {
	name := a.GetName()
	if old, err := meta.Accessor(a.GetOldObject()); err == nil {
		name = old.GetName()
	}
	if slices.ContainsFunc(api.SystemPriorityClasses(), func(c *schedulingv1.PriorityClass) bool { return c.Name == name }) {
		return apierrors.NewForbidden(a.GetResource().GroupResource(), name, errors.New("this is a system priority class and cannot be deleted"))
	}
	return nil
}
