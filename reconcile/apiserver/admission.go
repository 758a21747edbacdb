package apiserver

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"coracle.dev/coracle/reconcile/apiserver/nodeaccess"
	"coracle.dev/coracle/reconcile/apiserver/rbac"
)

// newAdmission is the chain that every write passes, whichever way it came. What it starts ends when s.stop is closed. Quotas come
// last: what they charge should not be refused by others.
func (s *Server) newAdmission() (chain, error) {
	namespaces, err := lifecycle.NewLifecycle(sets.New(metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic))
	if err != nil {
		return nil, fmt.Errorf("namespace admission: %w", err)
	}
	namespaces.SetExternalKubeClientSet(s.client)
	namespaces.SetExternalKubeInformerFactory(s.informers)
	if err := namespaces.ValidateInitialization(); err != nil {
		return nil, fmt.Errorf("namespace admission: %w", err)
	}
	all := chain{
		rbac.NewEscalation(s.access.policy),
		nodeaccess.NewRestriction(s.nodePods),
		certificateAdmission{func() authorizer.UnconditionalAuthorizer { return s.generic.Authorizer }},
		namespaces,
		newServiceAccountAdmission(s.client, s.informers),
		newTolerationAdmission(s.options.LossSeconds),
		newPriorityAdmission(s.client, s.informers),
		newLimitRangeAdmission(s.informers),
		newQuotaAdmission(s.client, s.informers, s.stop),
	}
	if s.disk != nil {
		all = append(chain{s.disk}, all...)
	}
	return all, nil
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
