package controller

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
)

type storeAt string

func (s *storeAt) LastStoreSyncResourceVersion() string { return string(*s) }

func TestLagIsBehindUntilTheStoreShowsTheNewestWrite(t *testing.T) {
	var lag Lag[string]
	store, slow := storeAt("99"), storeAt("7")
	if lag.Behind("web") {
		t.Error("behind before any write")
	}
	lag.Wrote("web", &store, "101")
	lag.Wrote("web", &store, "100") // came back later, is older
	for _, step := range []struct {
		at     storeAt
		behind bool
	}{{"99", true}, {"100", true}, {"101", false}} {
		if store = step.at; lag.Behind("web") != step.behind {
			t.Errorf("store at %s: behind is %t", step.at, !step.behind)
		}
	}
	lag.Wrote("web", &store, "101")
	lag.Wrote("web", &slow, "8")
	if !lag.Behind("web") || lag.Behind("db") {
		t.Error("the slow store of web is not waited for, or db waits for it")
	}
	lag.Forget("web")
	if lag.Behind("web") {
		t.Error("behind after Forget")
	}
}

func TestLagTakesUnorderedVersionsAsSeen(t *testing.T) {
	var lag Lag[string]
	store := storeAt("")
	lag.Wrote("web", &store, "5")
	lag.Wrote("db", &store, "")
	if lag.Behind("web") || lag.Behind("db") {
		t.Error("waits for what can never be seen")
	}
}

func TestLagRemembersDeletionsUntilTheCacheShowsThem(t *testing.T) {
	var lag Lag[string]
	lag.Deleted("web", "a")
	lag.Deleted("web", "b")
	if got := lag.Leaving("web", sets.New[types.UID]("a", "b", "c")); !got.Equal(sets.New[types.UID]("a", "b")) {
		t.Errorf("leaving %v", got)
	}
	if got := lag.Leaving("web", sets.New[types.UID]("b", "c")); !got.Equal(sets.New[types.UID]("b")) {
		t.Errorf("leaving %v after a is seen to be", got)
	}
	if got := lag.Leaving("web", sets.New[types.UID]("a", "c")); len(got) != 0 {
		t.Errorf("leaving %v, though both were seen", got)
	}
}
