package scheduler

import (
	"testing"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

func pdb(name, app string, allowed int32, going ...string) *policyv1.PodDisruptionBudget {
	b := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: appSelector(app)},
		Status:     policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: allowed, DisruptedPods: map[string]metav1.Time{}},
	}
	for _, pod := range going {
		b.Status.DisruptedPods[pod] = metav1.Time{}
	}
	return b
}

// TestBudgetsArePreferred: the Pods of a budget that allows nothing stay if others can go, though those are more important; if
// none can, they go all the same.
func TestBudgetsArePreferred(t *testing.T) {
	important := pod("important", cpu("3"), priority(100))
	for name, c := range map[string]struct {
		budgets []*policyv1.PodDisruptionBudget
		want    string
	}{
		"none":                    {nil, "evict web-1 from a"},
		"allows one":              {[]*policyv1.PodDisruptionBudget{pdb("web", "web", 1)}, "evict web-1 from a"},
		"allows nothing":          {[]*policyv1.PodDisruptionBudget{pdb("web", "web", 0)}, "evict db-1 from b"},
		"counted as gone already": {[]*policyv1.PodDisruptionBudget{pdb("web", "web", 0, "web-1")}, "evict web-1 from a"},
		"both allow nothing":      {[]*policyv1.PodDisruptionBudget{pdb("web", "web", 0), pdb("db", "db", 0)}, "evict web-1 from a"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fleet(node("a"), node("b")).
				on(t, "a", pod("web-1", label("app", "web"), cpu("2"), priority(1))).
				on(t, "b", pod("db-1", label("app", "db"), cpu("2"), priority(2)))
			for _, b := range c.budgets {
				s.SetBudget(b)
			}
			if got := decide(t, s, important); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			for _, b := range c.budgets {
				s.RemoveBudget(cache.MetaObjectToName(b))
			}
			if got := decide(t, s, important); got != "evict web-1 from a" {
				t.Errorf("without budgets: %s", got)
			}
		})
	}
}

// TestBudgetOnOneNode: of two that could make room on one node, the one that no budget protects goes.
func TestBudgetOnOneNode(t *testing.T) {
	s := fleet(node("a")).on(t, "a", pod("web-1", label("app", "web"), cpu("2"), priority(1)), pod("db-1", label("app", "db"), cpu("2"), priority(2)))
	s.SetBudget(pdb("web", "web", 0))
	if got := decide(t, s, pod("p", cpu("2"), priority(100))); got != "evict db-1 from a" {
		t.Errorf("got %s", got)
	}
}
