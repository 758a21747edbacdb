package apiserver

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// newAdmission is the chain that every write passes, whichever way it came.
func newAdmission(client kubernetes.Interface, factory informers.SharedInformerFactory) (admission.MutationInterface, error) {
	namespaces, err := lifecycle.NewLifecycle(sets.New(metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic))
	if err != nil {
		return nil, fmt.Errorf("namespace admission: %w", err)
	}
	namespaces.SetExternalKubeClientSet(client)
	namespaces.SetExternalKubeInformerFactory(factory)
	if err := namespaces.ValidateInitialization(); err != nil {
		return nil, fmt.Errorf("namespace admission: %w", err)
	}
	return chain{namespaces, newServiceAccountAdmission(client, factory)}, nil
}

// chain is admission.NewChainHandler with its type said: all of ours both change and check.
type chain []admission.Interface

// Handles implements admission.Interface.
func (c chain) Handles(operation admission.Operation) bool {
	for _, plugin := range c {
		if plugin.Handles(operation) {
			return true
		}
	}
	return false
}

// Admit implements admission.MutationInterface.
func (c chain) Admit(ctx context.Context, a admission.Attributes, o admission.ObjectInterfaces) error {
	for _, plugin := range c {
		if mutating, ok := plugin.(admission.MutationInterface); ok && plugin.Handles(a.GetOperation()) {
			if err := mutating.Admit(ctx, a, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// Validate implements admission.ValidationInterface.
func (c chain) Validate(ctx context.Context, a admission.Attributes, o admission.ObjectInterfaces) error {
	for _, plugin := range c {
		if validating, ok := plugin.(admission.ValidationInterface); ok && plugin.Handles(a.GetOperation()) {
			if err := validating.Validate(ctx, a, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// serviceAccounts gives each new Pod its service account, and refuses one that does not exist.
type serviceAccounts struct {
	*admission.Handler
	client kubernetes.Interface
	lister corelisters.ServiceAccountLister
}

var _ admission.MutationInterface = &serviceAccounts{}

func newServiceAccountAdmission(client kubernetes.Interface, factory informers.SharedInformerFactory) *serviceAccounts {
	informer := factory.Core().V1().ServiceAccounts()
	plugin := &serviceAccounts{Handler: admission.NewHandler(admission.Create), client: client, lister: informer.Lister()}
	plugin.SetReadyFunc(informer.Informer().HasSynced)
	return plugin
}

// Admit implements admission.MutationInterface.
func (s *serviceAccounts) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	pod, ok := a.GetObject().(*corev1.Pod)
	if !ok || a.GetSubresource() != "" {
		return nil
	}
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = "default"
	}
	pod.Spec.DeprecatedServiceAccount = pod.Spec.ServiceAccountName
	// A namespace's "default" is made moments after the namespace; a Pod that comes between need not fail for it.
	if pod.Spec.ServiceAccountName == "default" {
		return nil
	}
	if !s.WaitForReady() {
		return admission.NewForbidden(a, fmt.Errorf("not yet ready to handle request"))
	}
	_, err := s.lister.ServiceAccounts(a.GetNamespace()).Get(pod.Spec.ServiceAccountName)
	if apierrors.IsNotFound(err) { // the cache may be behind
		_, err = s.client.CoreV1().ServiceAccounts(a.GetNamespace()).Get(ctx, pod.Spec.ServiceAccountName, metav1.GetOptions{})
	}
	if err != nil {
		return admission.NewForbidden(a, fmt.Errorf("error looking up service account %s/%s: %w", a.GetNamespace(), pod.Spec.ServiceAccountName, err))
	}
	return nil
}
