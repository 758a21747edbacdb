package scheduler

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTurns(t *testing.T) {
	var q turns
	for _, k := range []key{
		keyOf(pod("young", created(time.Hour))), keyOf(pod("b")), keyOf(pod("a")),
		keyOf(pod("important", priority(5), created(2*time.Hour))), keyOf(pod("unimportant", priority(-1))),
	} {
		q.Push(k)
	}
	var got []string
	for q.Len() > 0 {
		got = append(got, q.Pop().String())
	}
	want := []string{"default/important", "default/a", "default/b", "default/young", "default/unimportant"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
