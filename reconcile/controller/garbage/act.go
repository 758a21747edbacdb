package garbage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// act carries a plan out. What is gone already is no error; a conflict is one, and the next try sees what changed.
func (c *Controller) act(ctx context.Context, object *Object, plan Plan) error {
	if len(plan.Unblock) > 0 {
		return c.unblock(ctx, object, plan.Unblock)
	}
	if plan.Delete != "" {
		return c.delete(ctx, object, plan.Delete)
	}
	if len(plan.Drop) > 0 {
		return c.drop(ctx, object.Ref, plan.Drop)
	}
	var errs []error
	for _, dependent := range plan.Orphan {
		if err := c.drop(ctx, dependent, []types.UID{object.UID}); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 || plan.Release == "" {
		return errors.Join(errs...)
	}
	return c.release(ctx, object.Ref, plan.Release)
}

// delete removes the object as it was decided on: a new owner would have given it another resource version.
func (c *Controller) delete(ctx context.Context, object *Object, how metav1.DeletionPropagation) error {
	err := c.resource(object.Ref).Delete(ctx, object.Name, metav1.DeleteOptions{
		Preconditions:     &metav1.Preconditions{UID: &object.UID, ResourceVersion: &object.ResourceVersion},
		PropagationPolicy: &how,
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete %s: %w", object.Ref, err)
	}
	c.log.Debug().Stringer("object", object.Ref).Str("policy", string(how)).Msg("collected")
	return nil
}

// drop takes the references to these owners away.
func (c *Controller) drop(ctx context.Context, ref Ref, owners []types.UID) error {
	return c.patch(ctx, ref, func(live *metav1.PartialObjectMetadata) (map[string]any, bool) {
		kept := slices.DeleteFunc(slices.Clone(live.OwnerReferences), func(o metav1.OwnerReference) bool {
			return slices.Contains(owners, o.UID)
		})
		return map[string]any{"ownerReferences": kept}, len(kept) < len(live.OwnerReferences)
	})
}

// unblock lets these owners go without waiting for the object.
func (c *Controller) unblock(ctx context.Context, object *Object, owners []types.UID) error {
	return c.patch(ctx, object.Ref, func(live *metav1.PartialObjectMetadata) (map[string]any, bool) {
		changed, no := false, false
		refs := slices.Clone(live.OwnerReferences)
		for i := range refs {
			if slices.Contains(owners, refs[i].UID) && refs[i].BlockOwnerDeletion != nil && *refs[i].BlockOwnerDeletion {
				refs[i].BlockOwnerDeletion, changed = &no, true
			}
		}
		return map[string]any{"ownerReferences": refs}, changed
	})
}

// release takes a finalizer away, which lets the object go.
func (c *Controller) release(ctx context.Context, ref Ref, finalizer string) error {
	return c.patch(ctx, ref, func(live *metav1.PartialObjectMetadata) (map[string]any, bool) {
		kept := slices.DeleteFunc(slices.Clone(live.Finalizers), func(f string) bool { return f == finalizer })
		return map[string]any{"finalizers": kept}, len(kept) < len(live.Finalizers)
	})
}

// patch changes the metadata of this very object, from what it is now, if change has something to say.
func (c *Controller) patch(ctx context.Context, ref Ref, change func(live *metav1.PartialObjectMetadata) (map[string]any, bool)) error {
	resource := c.resource(ref)
	live, err := resource.Get(ctx, ref.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && live.UID != ref.UID {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get %s: %w", ref, err)
	}
	fields, changed := change(live)
	if !changed {
		return nil
	}
	fields["uid"], fields["resourceVersion"] = live.UID, live.ResourceVersion
	patch, err := json.Marshal(map[string]any{"metadata": fields})
	if err != nil {
		return fmt.Errorf("encode patch of %s: %w", ref, err)
	}
	_, err = resource.Patch(ctx, ref.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("patch %s: %w", ref, err)
	}
	return nil
}
