package scheduler

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// Pod is what the rules read of a Pod, worked out once.
type Pod struct {
	Namespace, Name string
	UID             types.UID
	Priority        int32

	started     time.Time // when it began to run, or else was created
	terminating bool      // still uses its node, but attracts and spreads nothing any more
	labels      labels.Set
	owner       types.UID // of its controller; "" has none
	requests    Resources
	weights     Resources // requests as the scores count them
	ports       []hostPort

	affinity, antiAffinity  []podTerm         // required
	attractions, repulsions []weightedPodTerm // preferred

	wishes
}

// wishes matter only as long as the Pod has no node.
type wishes struct {
	spec                     *corev1.PodSpec
	required                 nodeaffinity.RequiredNodeAffinity
	preferred                *nodeaffinity.PreferredSchedulingTerms
	hardSpreads, softSpreads []spread
}

// NewPod works out what the rules need. With an error, which is of the Pod's own making (a selector that cannot be parsed),
// the Pod still says what it takes of a node, but must not be placed until it is changed.
func NewPod(object *corev1.Pod) (*Pod, error) {
	p := &Pod{
		Namespace:   object.Namespace,
		Name:        object.Name,
		UID:         object.UID,
		Priority:    corev1helpers.PodPriority(object),
		started:     object.CreationTimestamp.Time,
		terminating: object.DeletionTimestamp != nil,
		labels:      object.Labels,
		requests:    requests(object),
		weights:     weights(object),
		ports:       hostPorts(object),
		wishes:      wishes{spec: &object.Spec, required: nodeaffinity.GetRequiredNodeAffinity(object)},
	}
	if object.Status.StartTime != nil {
		p.started = object.Status.StartTime.Time
	}
	if owner := metav1.GetControllerOfNoCopy(object); owner != nil {
		p.owner = owner.UID
	}
	if err := p.readAffinity(object); err != nil {
		return p, fmt.Errorf("read affinity: %w", err)
	}
	if err := p.readSpreads(object); err != nil {
		return p, fmt.Errorf("read topologySpreadConstraints: %w", err)
	}
	return p, nil
}

func (p *Pod) readAffinity(object *corev1.Pod) error {
	affinity := object.Spec.Affinity
	if affinity == nil {
		return nil
	}
	var err error
	if node := affinity.NodeAffinity; node != nil {
		p.preferred, err = nodeaffinity.NewPreferredSchedulingTerms(node.PreferredDuringSchedulingIgnoredDuringExecution)
		if err != nil {
			return err
		}
	}
	if with := affinity.PodAffinity; with != nil {
		if p.affinity, err = podTerms(object, with.RequiredDuringSchedulingIgnoredDuringExecution); err != nil {
			return err
		}
		if p.attractions, err = weightedPodTerms(object, with.PreferredDuringSchedulingIgnoredDuringExecution); err != nil {
			return err
		}
	}
	if against := affinity.PodAntiAffinity; against != nil {
		if p.antiAffinity, err = podTerms(object, against.RequiredDuringSchedulingIgnoredDuringExecution); err != nil {
			return err
		}
		if p.repulsions, err = weightedPodTerms(object, against.PreferredDuringSchedulingIgnoredDuringExecution); err != nil {
			return err
		}
	}
	return nil
}
