package reconcile

import (
	"context"
	"time"

	"k8s.io/utils/clock"

	"coracle.dev/coracle/gitsource"
	"coracle.dev/coracle/reconcile/manifest"
)

// version is one state of an object's manifest, and the revision that brought it.
type version struct {
	Revision
	object manifest.Object
}

// timeline finds in the history of a source which commits changed which objects.
type timeline struct {
	source gitsource.Source
	load   func(gitsource.Snapshot) (objects []manifest.Object, problems []string)
	clock  clock.PassiveClock
	// commits and budget bound the walk. What it did not reach is taken to be as old as the oldest commit that was seen.
	commits int
	budget  time.Duration
}

// versions walks back from head. want says how many versions are wanted of which objects; those of desired (the objects
// of head) come first, each with the commit that last changed it, then earlier and different ones. An object has fewer
// where its history, or the walk, ends.
func (t timeline) versions(ctx context.Context, head Revision, desired []manifest.Object, want map[manifest.Key]int) (map[manifest.Key][]version, error) {
	found := make(map[manifest.Key][]version, len(want))
	open := map[manifest.Key]bool{}
	for _, object := range desired {
		if want[object.Key] > 0 {
			found[object.Key] = []version{{head, object}}
			open[object.Key] = true
		}
	}
	log, err := t.source.Log(ctx, head.ID, t.commits)
	if err != nil {
		return found, err
	}
	deadline := t.clock.Now().Add(t.budget)
	for _, entry := range log {
		if len(open) == 0 || t.clock.Now().After(deadline) {
			break
		}
		if entry.ID == head.ID {
			continue
		}
		snapshot, err := t.source.At(ctx, entry.ID)
		if err != nil {
			return found, err
		}
		objects, problems := t.load(snapshot)
		older := make(map[manifest.Key]manifest.Object, len(objects))
		for _, object := range objects {
			older[object.Key] = object
		}
		for key := range open {
			object, there := older[key]
			if !there && len(problems) > 0 {
				continue // it may be there, in what could not be loaded
			}
			found[key], open[key] = stepBack(found[key], revisionOf(entry), object, there, want[key])
			if !open[key] {
				delete(open, key)
			}
		}
	}
	return found, nil
}

// stepBack adds one older state of an object. It says whether still older ones are of interest.
func stepBack(known []version, revision Revision, object manifest.Object, there bool, want int) ([]version, bool) {
	last := len(known) - 1
	switch {
	case !there:
		return known, false
	case object.Digest == known[last].object.Digest:
		known[last].Revision = revision // it was so at this commit already
		return known, true
	case len(known) == want:
		return known, false
	}
	return append(known, version{revision, object}), true
}
