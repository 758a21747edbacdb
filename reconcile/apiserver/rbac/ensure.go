package rbac

import (
	"context"
	"errors"
	"fmt"

	rbacclient "k8s.io/client-go/kubernetes/typed/rbac/v1"
	"k8s.io/component-helpers/auth/rbac/reconciliation"
)

// Ensure makes the default roles and bindings that are missing, and adds to the others what they lack. It takes nothing
// away, and writes nothing where nothing is missing. One that cannot be written does not hold back the others; the end of ctx does.
func Ensure(ctx context.Context, client rbacclient.RbacV1Interface) error {
	var errs []error
	for _, role := range ClusterRoles() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		options := reconciliation.ReconcileRoleOptions{
			Role: reconciliation.ClusterRoleRuleOwner{ClusterRole: role}, Confirm: true,
			Client: reconciliation.ClusterRoleModifier{Client: client.ClusterRoles()},
		}
		if _, err := options.Run(); err != nil {
			errs = append(errs, fmt.Errorf("make cluster role %s: %w", role.Name, err))
		}
	}
	for _, binding := range ClusterRoleBindings() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		options := reconciliation.ReconcileRoleBindingOptions{
			RoleBinding: reconciliation.ClusterRoleBindingAdapter{ClusterRoleBinding: binding}, Confirm: true,
			Client: reconciliation.ClusterRoleBindingClientAdapter{Client: client.ClusterRoleBindings()},
		}
		if _, err := options.Run(); err != nil {
			errs = append(errs, fmt.Errorf("make cluster role binding %s: %w", binding.Name, err))
		}
	}
	return errors.Join(errs...)
}
