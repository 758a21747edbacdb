// Package v1alpha1 holds the Go types of coracle's own kinds, in the group coracle.dev.
//
// An Application says where manifests come from and how they are applied; its status says what became of the newest
// commit. It is also the parent of an ApplySet: the label and annotations of ApplySets on it, and the label part-of on all
// that it applied, are those that kubectl uses.
//
// +k8s:deepcopy-gen=package
// +k8s:openapi-gen=true
// +k8s:openapi-model-package=dev.coracle.v1alpha1
// +groupName=coracle.dev
package v1alpha1
