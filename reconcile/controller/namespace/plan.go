package namespace

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Content is what a namespace holds of one kind.
type Content struct {
	Resource   schema.GroupVersionResource
	Count      int
	Unmarked   int            // of these, those that nobody has deleted yet
	Finalizers map[string]int // how many of these wait for each finalizer
	// Unknown means that they could not be listed, so the rest says nothing.
	Unknown bool
}

// Plan is what to do with a namespace that is being deleted.
type Plan struct {
	// Delete all objects of these resources that are not marked yet.
	Delete []schema.GroupVersionResource
	// Finalize it: nothing is left.
	Finalize bool
}

// pods are what goes first.
var pods = corev1.Resource("pods")

// PlanContent decides what goes now. Contents are of all kinds; as long as one is unknown the namespace stays, and as long as
// that is Pods so does everything else.
func PlanContent(contents []Content) Plan {
	left := slices.DeleteFunc(slices.Clone(contents), func(c Content) bool { return c.Count == 0 && !c.Unknown })
	if len(left) == 0 {
		return Plan{Finalize: true}
	}
	if at := slices.IndexFunc(left, func(c Content) bool { return c.Resource.GroupResource() == pods }); at >= 0 {
		left = left[at : at+1]
	}
	var plan Plan
	for _, content := range left {
		if content.Unmarked > 0 {
			plan.Delete = append(plan.Delete, content.Resource)
		}
	}
	return plan
}

// Conditions gives the five conditions of a namespace that is being deleted, upstream's to the letter, and whether any is news.
// Others are kept. Failures are errors of listing and deleting.
func Conditions(old []corev1.NamespaceCondition, contents []Content, failures []error, now metav1.Time) ([]corev1.NamespaceCondition, bool) {
	wanted := []corev1.NamespaceCondition{
		{Type: corev1.NamespaceDeletionDiscoveryFailure, Status: corev1.ConditionFalse,
			Reason: "ResourcesDiscovered", Message: "All resources successfully discovered"},
		{Type: corev1.NamespaceDeletionGVParsingFailure, Status: corev1.ConditionFalse,
			Reason: "ParsedGroupVersions", Message: "All legacy kube types successfully parsed"},
		contentFailure(failures),
		contentRemaining(contents),
		finalizersRemaining(contents),
	}
	conditions, news := slices.Clone(old), false
	for _, condition := range wanted {
		condition.LastTransitionTime = now
		at := slices.IndexFunc(conditions, func(c corev1.NamespaceCondition) bool { return c.Type == condition.Type })
		if at < 0 {
			conditions, news = append(conditions, condition), true
			continue
		}
		if conditions[at].Status == condition.Status {
			condition.LastTransitionTime = conditions[at].LastTransitionTime
		}
		news = news || conditions[at] != condition
		conditions[at] = condition
	}
	return conditions, news
}

func contentFailure(failures []error) corev1.NamespaceCondition {
	if len(failures) == 0 {
		return corev1.NamespaceCondition{Type: corev1.NamespaceDeletionContentFailure, Status: corev1.ConditionFalse,
			Reason: "ContentDeleted", Message: "All content successfully deleted, may be waiting on finalization"}
	}
	texts := make([]string, len(failures))
	for i, failure := range failures {
		texts[i] = failure.Error()
	}
	slices.Sort(texts)
	return corev1.NamespaceCondition{Type: corev1.NamespaceDeletionContentFailure, Status: corev1.ConditionTrue,
		Reason:  "ContentDeletionFailed",
		Message: fmt.Sprintf("Failed to delete all resource types, %d remaining: %s", len(failures), strings.Join(texts, ", "))}
}

func contentRemaining(contents []Content) corev1.NamespaceCondition {
	var remaining []string
	for _, content := range contents {
		if content.Count > 0 {
			remaining = append(remaining, fmt.Sprintf("%s.%s has %d resource instances", content.Resource.Resource, content.Resource.Group, content.Count))
		}
	}
	if len(remaining) == 0 {
		return corev1.NamespaceCondition{Type: corev1.NamespaceContentRemaining, Status: corev1.ConditionFalse,
			Reason: "ContentRemoved", Message: "All content successfully removed"}
	}
	slices.Sort(remaining)
	return corev1.NamespaceCondition{Type: corev1.NamespaceContentRemaining, Status: corev1.ConditionTrue,
		Reason: "SomeResourcesRemain", Message: "Some resources are remaining: " + strings.Join(remaining, ", ")}
}

func finalizersRemaining(contents []Content) corev1.NamespaceCondition {
	counts := map[string]int{}
	for _, content := range contents {
		for finalizer, count := range content.Finalizers {
			counts[finalizer] += count
		}
	}
	if len(counts) == 0 {
		return corev1.NamespaceCondition{Type: corev1.NamespaceFinalizersRemaining, Status: corev1.ConditionFalse,
			Reason: "ContentHasNoFinalizers", Message: "All content-preserving finalizers finished"}
	}
	var remaining []string
	for _, finalizer := range slices.Sorted(maps.Keys(counts)) {
		remaining = append(remaining, fmt.Sprintf("%s in %d resource instances", finalizer, counts[finalizer]))
	}
	return corev1.NamespaceCondition{Type: corev1.NamespaceFinalizersRemaining, Status: corev1.ConditionTrue,
		Reason: "SomeFinalizersRemain", Message: "Some content in the namespace has finalizers remaining: " + strings.Join(remaining, ", ")}
}
