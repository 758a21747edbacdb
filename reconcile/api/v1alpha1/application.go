package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Application makes a cluster match the manifests of one source.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type Application struct {
	metav1.TypeMeta `json:",inline"`
	// Standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What is wanted.
	Spec ApplicationSpec `json:"spec"`
	// What became of it. Written by coracle.
	// +optional
	Status ApplicationStatus `json:"status,omitempty"`
}

// ApplicationList is a list of Applications.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type ApplicationList struct {
	metav1.TypeMeta `json:",inline"`
	// Standard list metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// The Applications.
	Items []Application `json:"items"`
}

// ApplicationSpec says where the manifests are and how they are applied.
type ApplicationSpec struct {
	// Where the manifests come from.
	Source ApplicationSource `json:"source"`
	// How often to look for something new: a cron expression of five fields, or "@every 30s", "@hourly" and the like. A
	// directory is watched as well. Defaults to "@every 30s".
	// +optional
	Schedule string `json:"schedule,omitempty"`
	// Namespace of the objects whose manifests name none. Defaults to "default".
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// What happens to objects that were applied and are no longer in the source.
	// +optional
	Prune PrunePolicy `json:"prune,omitempty"`
}

// ApplicationSource is a Git repository or a directory of the daemon's machine: exactly one of repo and dir is set.
type ApplicationSource struct {
	// Git repository: a URL (https, http, ssh or file), "user@host:path", or a path of the daemon's machine.
	// +optional
	Repo string `json:"repo,omitempty"`
	// Branch to follow. At most one of branch, tag and commit is set; with none it is the repository's default branch.
	// +optional
	Branch string `json:"branch,omitempty"`
	// Tag to apply.
	// +optional
	Tag string `json:"tag,omitempty"`
	// Commit to apply, in 40 hex digits.
	// +optional
	Commit string `json:"commit,omitempty"`
	// Directory of the daemon's machine, as an absolute path.
	// +optional
	Dir string `json:"dir,omitempty"`
	// Directory below the root of the repository, or below dir, that holds the manifests. Defaults to the root.
	// +optional
	Path string `json:"path,omitempty"`
}

// PrunePolicy says what happens to objects that left the source.
type PrunePolicy struct {
	// Whether they are deleted. Defaults to true.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
}
