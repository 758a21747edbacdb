package reconcile

import (
	"encoding/base64"
	"fmt"
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
	"coracle.dev/coracle/reconcile/manifest"
)

const changeCauseAnnotation = "kubernetes.io/change-cause"

// stamp says which commit an object is from. It is written beside the manifest's own annotations, on the object only and
// never in a Pod template: a template that comes back must be the old one, to the byte.
type stamp struct {
	Commit string // revision ID
	Cause  string // "1a2b3c4 web: use v2 (Ada)"; "" writes none
}

// stampFor is the stamp of an object that a revision changed. Workloads with revisions of their own get the change-cause too, which
// `kubectl rollout history` prints.
func stampFor(kind string, revision Revision) stamp {
	s := stamp{Commit: revision.ID}
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet":
		s.Cause = revision.Short()
		if revision.Subject != "" {
			s.Cause = fmt.Sprintf("%s %s (%s)", revision.Short(), revision.Subject, revision.Author)
		}
	}
	return s
}

// stampOf is what coracle stamped live with. What others wrote in its place does not count.
func stampOf(live *unstructured.Unstructured, owned *fieldpath.Set) stamp {
	annotations := live.GetAnnotations()
	mine := func(key string) string {
		if owned == nil || !owned.Has(fieldpath.MakePathOrDie("metadata", "annotations", key)) {
			return ""
		}
		return annotations[key]
	}
	return stamp{Commit: mine(v1alpha1.CommitAnnotation), Cause: mine(changeCauseAnnotation)}
}

// serverFields are fields of metadata that are the server's to set. Exported manifests carry them; they are not applied.
var serverFields = map[string]bool{
	"creationTimestamp": true, "deletionTimestamp": true, "deletionGracePeriodSeconds": true, "generation": true,
	"managedFields": true, "resourceVersion": true, "selfLink": true, "uid": true,
}

// bodyOf is what is applied for a manifest: its content without what is the server's (status included), with the label of the set and the
// stamp. The content itself is shared and stays as it is.
func bodyOf(object manifest.Object, setID string, s stamp) *unstructured.Unstructured {
	body := make(map[string]any, len(object.Content.Object))
	for key, value := range object.Content.Object {
		if key != "status" {
			body[key] = value
		}
	}
	stated, _ := body["metadata"].(map[string]any)
	metadata := make(map[string]any, len(stated)+2)
	for key, value := range stated {
		if !serverFields[key] {
			metadata[key] = value
		}
	}
	metadata["labels"] = with(stated["labels"], partOfLabel, setID)
	annotations := with(stated["annotations"], v1alpha1.CommitAnnotation, s.Commit)
	if _, own := annotations[changeCauseAnnotation]; !own && s.Cause != "" {
		annotations[changeCauseAnnotation] = s.Cause
	}
	metadata["annotations"] = annotations
	body["metadata"] = metadata
	if object.Group == "" && object.Kind == "Secret" {
		encodeStringData(body)
	}
	return &unstructured.Unstructured{Object: body}
}

// with is a copy of a mapping of texts with one more entry.
func with(mapping any, key, value string) map[string]any {
	stated, _ := mapping.(map[string]any)
	result := make(map[string]any, len(stated)+2)
	maps.Copy(result, stated)
	result[key] = value
	return result
}

// encodeStringData writes stringData into data, as the server would: it is write-only, so otherwise a key that leaves the
// manifest would stay in the Secret, and the two could not be compared.
func encodeStringData(body map[string]any) {
	texts, ok := body["stringData"].(map[string]any)
	if !ok {
		return
	}
	stated, _ := body["data"].(map[string]any)
	data := make(map[string]any, len(stated)+len(texts))
	maps.Copy(data, stated)
	for key, value := range texts {
		text, _ := value.(string)
		data[key] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	body["data"] = data
	delete(body, "stringData")
}
