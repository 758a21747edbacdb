package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Key identifies an object in a cluster, whatever version of its group it is written in.
type Key struct {
	Group     string
	Kind      string
	Namespace string // "" for what is cluster-scoped
	Name      string
}

// KeyOf is the Key of a live or desired object.
func KeyOf(object *unstructured.Unstructured) Key {
	gvk := object.GroupVersionKind()
	return Key{Group: gvk.Group, Kind: gvk.Kind, Namespace: object.GetNamespace(), Name: object.GetName()}
}

// GroupKind of the object.
func (k Key) GroupKind() schema.GroupKind { return schema.GroupKind{Group: k.Group, Kind: k.Kind} }

// String is the object as messages name it: "Deployment default/web", "Namespace shop".
func (k Key) String() string {
	if k.Namespace == "" {
		return k.Kind + " " + k.Name
	}
	return k.Kind + " " + k.Namespace + "/" + k.Name
}

// Object is one manifest.
type Object struct {
	Key
	// Content is the object as the tree has it, with its namespace filled in. It is shared: do not modify it.
	Content *unstructured.Unstructured
	// Namespaced says whether objects of this kind live in a namespace.
	Namespaced bool
	// Position in the tree. For what kustomize rendered it is the file that the object came from; the line is 0 where
	// it was generated.
	Position
	// Digest of the content, in hex: equal digests are equal manifests.
	Digest string
}

// Position is a place in the tree.
type Position struct {
	File string // slash-separated, from the root of the tree
	Line int    // from 1; 0 is the file as a whole
}

func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// digest is stable, since maps are encoded in the order of their keys.
func digest(content *unstructured.Unstructured) string {
	encoded, err := json.Marshal(content.Object)
	if err != nil {
		panic(err) // what was decoded from JSON can be encoded
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:])
}
