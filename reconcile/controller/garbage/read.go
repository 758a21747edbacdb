package garbage

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

// Source is one served kind.
type Source struct {
	schema.GroupVersionResource
	Kind       string
	Namespaced bool
	// Informer shows objects of any type that has metadata, such as metav1.PartialObjectMetadata.
	Informer cache.SharedIndexInformer
}

func (s Source) groupKind() schema.GroupKind { return schema.GroupKind{Group: s.Group, Kind: s.Kind} }

// kinds are the sources by kind; versions of a kind are one.
type kinds map[schema.GroupKind]Source

// read keeps what the Graph needs of an object.
func (k kinds) read(source Source, object metav1.Object) *Object {
	finalizers := object.GetFinalizers()
	read := &Object{
		Ref:             Ref{source.groupKind(), object.GetNamespace(), object.GetName(), object.GetUID()},
		ResourceVersion: object.GetResourceVersion(),
		Deleting:        object.GetDeletionTimestamp() != nil,
		Foreground:      slices.Contains(finalizers, metav1.FinalizerDeleteDependents),
		Orphan:          slices.Contains(finalizers, metav1.FinalizerOrphanDependents),
	}
	for _, ref := range object.GetOwnerReferences() {
		read.Owners = append(read.Owners, k.owner(read.Ref, ref))
	}
	return read
}

// owner says where the owner is looked for: in the dependent's namespace, or in none if its kind is in none.
func (k kinds) owner(dependent Ref, ref metav1.OwnerReference) Owner {
	owner := Owner{
		Ref:    Ref{Kind: schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind).GroupKind(), Name: ref.Name, UID: ref.UID},
		Blocks: ref.BlockOwnerDeletion != nil && *ref.BlockOwnerDeletion,
	}
	source, served := k[owner.Kind]
	switch {
	case !served:
		owner.Unverifiable = fmt.Sprintf("kind %s is not served", owner.Kind)
	case source.Namespaced && dependent.Namespace == "":
		owner.Unverifiable = fmt.Sprintf("%s is in no namespace and cannot be owned by %s, which is in one", dependent, owner.Kind)
	case source.Namespaced:
		owner.Namespace = dependent.Namespace
	}
	return owner
}
