package reconcile_test

import (
	"fmt"
	"testing"
)

// BenchmarkUnchanged1000 syncs 1,000 manifests in which nothing changed: from the request to the status that says it is
// done, the look at the source and at all live objects included.
func BenchmarkUnchanged1000(b *testing.B) {
	w := newWorld(b)
	tree := files{}
	for i := range 1000 {
		tree[fmt.Sprintf("%d.yaml", i)] = settings(fmt.Sprintf("c%d", i), "value")
	}
	id := w.source.commit("all", tree)
	w.start()
	w.ready(id)
	for b.Loop() {
		w.syncNow()
	}
	b.StopTimer()
	w.writes.take()
	w.syncNow()
	if writes := w.writes.take(); len(writes) > 0 {
		b.Errorf("wrote %q", writes)
	}
}
