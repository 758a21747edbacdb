package scheduler

import (
	"cmp"
	"container/heap"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
)

// key names a Pod and says when it is its turn. All of it is fixed for a Pod's life.
type key struct {
	namespace, name string
	uid             types.UID
	priority        int32
	created         int64 // seconds since 1970
}

func keyOf(pod *corev1.Pod) key {
	return key{pod.Namespace, pod.Name, pod.UID, corev1helpers.PodPriority(pod), pod.CreationTimestamp.Unix()}
}

// String is for logs.
func (k key) String() string { return k.namespace + "/" + k.name }

// before is by priority, then by age, then by name, so that the order is total.
func (k key) before(other key) bool {
	return cmp.Or(
		cmp.Compare(other.priority, k.priority),
		cmp.Compare(k.created, other.created),
		strings.Compare(k.namespace, other.namespace),
		strings.Compare(k.name, other.name),
		strings.Compare(string(k.uid), string(other.uid)),
	) < 0
}

// turns is the work queue's store: the key whose turn it is comes out first. The work queue serialises its use.
type turns struct{ keys keyHeap }

func (t *turns) Touch(key)  {}
func (t *turns) Push(k key) { heap.Push(&t.keys, k) }
func (t *turns) Len() int   { return len(t.keys) }
func (t *turns) Pop() key   { return heap.Pop(&t.keys).(key) }

// keyHeap implements heap.Interface.
type keyHeap []key

func (h keyHeap) Len() int           { return len(h) }
func (h keyHeap) Less(i, j int) bool { return h[i].before(h[j]) }
func (h keyHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *keyHeap) Push(k any)        { *h = append(*h, k.(key)) }
func (h *keyHeap) Pop() any {
	last := len(*h) - 1
	k := (*h)[last]
	*h = (*h)[:last]
	return k
}
