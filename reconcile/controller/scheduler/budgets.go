package scheduler

import (
	"slices"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"
)

// budget is how many of the Pods that it selects may go at present.
type budget struct {
	namespace string
	pods      labels.Selector
	allowed   int32
	going     map[string]bool // Pods, by name, that are counted as gone already
}

// SetBudget adds a disruption budget, or takes over what changed of it. One whose selector cannot be parsed protects nobody.
func (s *State) SetBudget(object *policyv1.PodDisruptionBudget) {
	name := cache.MetaObjectToName(object)
	selector, err := metav1.LabelSelectorAsSelector(object.Spec.Selector)
	if err != nil {
		delete(s.budgets, name)
		return
	}
	going := map[string]bool{}
	for pod := range object.Status.DisruptedPods {
		going[pod] = true
	}
	s.budgets[name] = budget{object.Namespace, selector, object.Status.DisruptionsAllowed, going}
}

// RemoveBudget forgets a disruption budget.
func (s *State) RemoveBudget(name cache.ObjectName) { delete(s.budgets, name) }

// protected splits Pods, of which the first may go first, into those of which a budget would be broken if all went, and the
// others. Both keep the order. Preemption would rather not break a budget, but does where nothing else helps.
func (s *State) protected(pods []*Pod) (protected, free []*Pod) {
	left := make(map[cache.ObjectName]int32, len(s.budgets))
	for name, b := range s.budgets {
		left[name] = b.allowed
	}
	for _, p := range pods {
		broken := false
		for name, b := range s.budgets {
			if b.namespace != p.Namespace || len(p.labels) == 0 || b.going[p.Name] || !b.pods.Matches(p.labels) {
				continue
			}
			left[name]--
			broken = broken || left[name] < 0
		}
		if broken {
			protected = append(protected, p)
		} else {
			free = append(free, p)
		}
	}
	return protected, free
}

// broken counts those of the Pods that are protected.
func (s *State) broken(pods, protected []*Pod) int {
	count := 0
	for _, p := range pods {
		if slices.Contains(protected, p) {
			count++
		}
	}
	return count
}
