package reconcile

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coracle.dev/coracle/gitsource"
	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

// Revision is which state of the source a plan or an object is from.
type Revision struct {
	ID      string    `json:"id"`
	Subject string    `json:"subject,omitempty"`
	Author  string    `json:"author,omitempty"`
	Time    time.Time `json:"time,omitzero"`
}

func revisionOf(r gitsource.Revision) Revision {
	return Revision{ID: r.ID, Subject: r.Subject, Author: r.Author, Time: r.Time}
}

// Short is the revision as people say it.
func (r Revision) Short() string { return gitsource.Revision{ID: r.ID}.Short() }

// forStatus is the revision as the Application's status holds it.
func (r Revision) forStatus() v1alpha1.Revision {
	result := v1alpha1.Revision{ID: r.ID, Subject: r.Subject, Author: r.Author}
	if !r.Time.IsZero() {
		t := metav1.NewTime(r.Time.UTC().Truncate(time.Second))
		result.Time = &t
	}
	return result
}
