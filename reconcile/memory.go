package reconcile

import (
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"coracle.dev/coracle/reconcile/manifest"
)

// memory holds which manifests were found equal to which state of their object, so that a sync in which nothing changed
// compares no fields. A nil memory remembers nothing.
type memory struct {
	mu    sync.Mutex
	equal map[manifest.Key]comparedState
}

type comparedState struct {
	digest  string
	uid     types.UID
	version string
}

func stateOf(object manifest.Object, live *unstructured.Unstructured) comparedState {
	return comparedState{object.Digest, live.GetUID(), live.GetResourceVersion()}
}

func (m *memory) upToDate(object manifest.Object, live *unstructured.Unstructured) bool {
	if m == nil || live == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.equal[object.Key]
	return ok && known == stateOf(object, live)
}

// remember takes down what o shows to be equal: what nobody suspected, and what the server found so.
func (m *memory) remember(o Observed) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.equal == nil {
		m.equal = map[manifest.Key]comparedState{}
	}
	for _, object := range o.Desired {
		live := o.Live[object.Key]
		if live == nil || live.GetDeletionTimestamp() != nil || foreignSet(live, o.SetID) {
			delete(m.equal, object.Key)
			continue
		}
		if trial, tried := o.Trials[object.Key]; tried && (trial.Refused != "" || changes(live, trial.After)) {
			delete(m.equal, object.Key)
			continue
		}
		m.equal[object.Key] = stateOf(object, live)
	}
}

// forget drops objects that left the tree.
func (m *memory) forget(keep map[manifest.Key]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.equal {
		if !keep[key] {
			delete(m.equal, key)
		}
	}
}

// changes says whether a dry run would change anything that a plan counts: values, or who owns them.
func changes(live, after *unstructured.Unstructured) bool {
	mine, then := ownedFields(live), ownedFields(after)
	return mine == nil || then == nil || !mine.Equals(then) || len(diffObjects(live, after)) > 0
}
