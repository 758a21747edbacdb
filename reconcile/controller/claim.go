package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Claims says what an owner does with each object that its selector, or its reference, could make its own.
type Claims[T metav1.Object] struct {
	Keep    []T // it controls them, and they match
	Adopt   []T // they match, and nobody controls them
	Release []T // it controls them, and they match no longer
}

// Claim sorts candidates. What another controller controls is left out, and so is an orphan that is being
// deleted. An owner that is being deleted keeps what it has and changes nothing.
func Claim[T metav1.Object](owner metav1.Object, selector labels.Selector, candidates []T) Claims[T] {
	var claims Claims[T]
	leaving := owner.GetDeletionTimestamp() != nil
	for _, obj := range candidates {
		ref := metav1.GetControllerOfNoCopy(obj)
		matches := selector.Matches(labels.Set(obj.GetLabels()))
		switch {
		case ref != nil && ref.UID != owner.GetUID():
		case ref != nil && (matches || leaving):
			claims.Keep = append(claims.Keep, obj)
		case ref != nil:
			claims.Release = append(claims.Release, obj)
		case matches && !leaving && obj.GetDeletionTimestamp() == nil:
			claims.Adopt = append(claims.Adopt, obj)
		}
	}
	return claims
}

// Adopter carries claims out. Every write is conditional on the resource version that was decided on, so a stale
// decision fails with a conflict and is made again.
type Adopter[T metav1.Object] struct {
	Ref metav1.OwnerReference // what an adopted object gets
	// Fresh reads the owner from the API, not from a cache: a cache may show an owner that was deleted, and even
	// replaced by another of its name.
	Fresh  func(ctx context.Context) (metav1.Object, error)
	Copy   func(obj T) T
	Update func(ctx context.Context, obj T) (T, error)
}

// Apply releases and adopts, and returns all objects that the owner has then. One that vanished meanwhile is no error.
func (a Adopter[T]) Apply(ctx context.Context, claims Claims[T]) ([]T, error) {
	mine := claims.Keep
	var errs []error
	for _, obj := range claims.Release {
		if _, err := a.update(ctx, obj, nil); err != nil {
			errs = append(errs, fmt.Errorf("release %s: %w", obj.GetName(), err))
		}
	}
	if len(claims.Adopt) > 0 {
		if err := a.check(ctx); err != nil {
			return nil, errors.Join(append(errs, err)...)
		}
	}
	for _, obj := range claims.Adopt {
		adopted, err := a.update(ctx, obj, &a.Ref)
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			errs = append(errs, fmt.Errorf("adopt %s: %w", obj.GetName(), err))
		default:
			mine = append(mine, adopted)
		}
	}
	return mine, errors.Join(errs...)
}

// check is that the owner may still adopt.
func (a Adopter[T]) check(ctx context.Context) error {
	owner, err := a.Fresh(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read %s %s before adopting: %w", a.Ref.Kind, a.Ref.Name, err)
	case owner.GetUID() != a.Ref.UID:
		return fmt.Errorf("%s %s was replaced: has uid %s, not %s", a.Ref.Kind, a.Ref.Name, owner.GetUID(), a.Ref.UID)
	case owner.GetDeletionTimestamp() != nil:
		return fmt.Errorf("%s %s is being deleted since %s", a.Ref.Kind, a.Ref.Name, owner.GetDeletionTimestamp())
	}
	return nil
}

// update writes obj with the reference instead of the owner's former one; nil is none.
func (a Adopter[T]) update(ctx context.Context, obj T, ref *metav1.OwnerReference) (T, error) {
	changed := a.Copy(obj)
	refs := slices.DeleteFunc(slices.Clone(changed.GetOwnerReferences()), func(r metav1.OwnerReference) bool {
		return r.UID == a.Ref.UID
	})
	if ref != nil {
		refs = append(refs, *ref)
	}
	changed.SetOwnerReferences(refs)
	written, err := a.Update(ctx, changed)
	if ref == nil && apierrors.IsNotFound(err) {
		return written, nil
	}
	return written, err
}
