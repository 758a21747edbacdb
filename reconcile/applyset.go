package reconcile

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

// Manager is the field manager that coracle applies as.
const Manager = "coracle"

// The keys of an ApplySet, as kubectl's code has them: an Application is the parent of all that it applied.
const (
	partOfLabel          = "applyset.kubernetes.io/part-of"
	setIDLabel           = "applyset.kubernetes.io/id"
	toolingAnnotation    = "applyset.kubernetes.io/tooling"
	kindsAnnotation      = "applyset.kubernetes.io/contains-group-kinds"
	namespacesAnnotation = "applyset.kubernetes.io/additional-namespaces"

	tooling = "coracle/v1alpha1"
)

// SetID is the value of the label applyset.kubernetes.io/part-of on all objects of an Application.
func SetID(namespace, name string) string {
	kind := v1alpha1.ApplicationKind
	sum := sha256.Sum256([]byte(strings.Join([]string{name, namespace, kind.Kind, kind.Group}, ".")))
	return "applyset-" + base64.RawURLEncoding.EncodeToString(sum[:]) + "-v1"
}

// membership is what the parent says of its members.
type membership struct {
	kinds      []schema.GroupKind // sorted
	namespaces []string           // sorted, without the parent's own
}

// readMembership reads the parent's annotations.
func readMembership(parent metav1.Object) membership {
	var m membership
	annotations := parent.GetAnnotations()
	for _, text := range splitList(annotations[kindsAnnotation]) {
		m.kinds = append(m.kinds, schema.ParseGroupKind(text))
	}
	m.namespaces = splitList(annotations[namespacesAnnotation])
	return m.normal()
}

func splitList(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// union is the membership while a sync goes on: what was and what will be.
func (m membership) union(other membership) membership {
	return membership{append(slices.Clone(m.kinds), other.kinds...), append(slices.Clone(m.namespaces), other.namespaces...)}.normal()
}

func (m membership) normal() membership {
	slices.SortFunc(m.kinds, func(a, b schema.GroupKind) int { return strings.Compare(a.String(), b.String()) })
	m.kinds = slices.Compact(m.kinds)
	slices.Sort(m.namespaces)
	m.namespaces = slices.Compact(m.namespaces)
	return m
}

// annotations of the parent.
func (m membership) annotations() map[string]string {
	kinds := make([]string, len(m.kinds))
	for i, kind := range m.kinds {
		kinds[i] = kind.String()
	}
	return map[string]string{
		toolingAnnotation:    tooling,
		kindsAnnotation:      strings.Join(kinds, ","),
		namespacesAnnotation: strings.Join(m.namespaces, ","),
	}
}

// membershipOf is that of a set of objects whose parent lives in a namespace.
func membershipOf(parentNamespace string, objects []*unstructured.Unstructured) membership {
	var m membership
	for _, object := range objects {
		m.kinds = append(m.kinds, object.GroupVersionKind().GroupKind())
		if namespace := object.GetNamespace(); namespace != "" && namespace != parentNamespace {
			m.namespaces = append(m.namespaces, namespace)
		}
	}
	return m.normal()
}
