package scheduler

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/sets"
)

// podTerm is one term of Pod affinity or anti-affinity: which Pods, and how wide "the same place" is.
type podTerm struct {
	pods           labels.Selector
	namespaces     sets.Set[string]
	namespaceMatch labels.Selector
	topologyKey    string
}

// weightedPodTerm is a term that only weighs.
type weightedPodTerm struct {
	podTerm
	weight int64
}

func podTerms(pod *corev1.Pod, terms []corev1.PodAffinityTerm) ([]podTerm, error) {
	var read []podTerm
	for i := range terms {
		term, err := newPodTerm(pod, &terms[i])
		if err != nil {
			return nil, err
		}
		read = append(read, term)
	}
	return read, nil
}

func weightedPodTerms(pod *corev1.Pod, terms []corev1.WeightedPodAffinityTerm) ([]weightedPodTerm, error) {
	var read []weightedPodTerm
	for i := range terms {
		term, err := newPodTerm(pod, &terms[i].PodAffinityTerm)
		if err != nil {
			return nil, err
		}
		read = append(read, weightedPodTerm{term, int64(terms[i].Weight)})
	}
	return read, nil
}

func newPodTerm(pod *corev1.Pod, term *corev1.PodAffinityTerm) (podTerm, error) {
	pods, err := metav1.LabelSelectorAsSelector(term.LabelSelector)
	if err != nil {
		return podTerm{}, fmt.Errorf("read labelSelector: %w", err)
	}
	if pods, err = withLabelKeys(pods, pod, selection.In, term.MatchLabelKeys); err != nil {
		return podTerm{}, fmt.Errorf("read matchLabelKeys: %w", err)
	}
	if pods, err = withLabelKeys(pods, pod, selection.NotIn, term.MismatchLabelKeys); err != nil {
		return podTerm{}, fmt.Errorf("read mismatchLabelKeys: %w", err)
	}
	// A nil selector matches no namespace, an empty one all of them.
	match, err := metav1.LabelSelectorAsSelector(term.NamespaceSelector)
	if err != nil {
		return podTerm{}, fmt.Errorf("read namespaceSelector: %w", err)
	}
	namespaces := sets.New(term.Namespaces...)
	if len(term.Namespaces) == 0 && term.NamespaceSelector == nil {
		namespaces.Insert(pod.Namespace)
	}
	return podTerm{pods: pods, namespaces: namespaces, namespaceMatch: match, topologyKey: term.TopologyKey}, nil
}

// withLabelKeys narrows a selector to Pods that have, or with NotIn have not, the Pod's own value of each label.
func withLabelKeys(base labels.Selector, pod *corev1.Pod, op selection.Operator, keys []string) (labels.Selector, error) {
	for _, key := range keys {
		value, has := pod.Labels[key]
		if !has {
			continue
		}
		requirement, err := labels.NewRequirement(key, op, []string{value})
		if err != nil {
			return nil, err
		}
		base = base.Add(*requirement)
	}
	return base, nil
}

// matches reports whether the term is about that Pod.
func (t *podTerm) matches(s *State, other *Pod) bool {
	return t.inNamespace(s, other.Namespace) && t.pods.Matches(other.labels)
}

func (t *podTerm) inNamespace(s *State, name string) bool {
	return t.namespaces.Has(name) || t.namespaceMatch.Matches(s.namespaces[name])
}

func matchesAll(s *State, terms []podTerm, other *Pod) bool {
	for i := range terms {
		if !terms[i].matches(s, other) {
			return false
		}
	}
	return true
}

// in calls f for each Pod on a node that is in a namespace of the term.
func (s *State) in(t *podTerm, f func(*placed)) {
	for namespace, pods := range s.byNamespace {
		if t.inNamespace(s, namespace) {
			for _, on := range pods {
				f(on)
			}
		}
	}
}
