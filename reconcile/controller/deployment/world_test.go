package deployment

import (
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// world is a Deployment with its ReplicaSets and Pods in memory. Its parts move only when a test says so, so that every
// interleaving can be played.
type world struct {
	d      *appsv1.Deployment
	sets   []*set
	now    time.Time
	seq    int
	events []string
	// anyChange is that the user changes the bounds: what was decided before does not keep to them.
	anyChange bool
	deaths    int32 // available Pods that were lost by no doing of ours
}

// set is a ReplicaSet with what the ReplicaSet controller would keep.
type set struct {
	rs   *appsv1.ReplicaSet
	pods []*pod
}

type pod struct{ ready, available, terminating bool }

func newWorld(replicas int32, surge, unavailable string) *world {
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "uid-web", Generation: 1},
		Spec: appsv1.DeploymentSpec{
			Replicas:                &replicas,
			Selector:                &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			ProgressDeadlineSeconds: new(int32),
			RevisionHistoryLimit:    new(int32),
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{
				MaxSurge: number(surge), MaxUnavailable: number(unavailable)}},
		},
	}
	*d.Spec.ProgressDeadlineSeconds, *d.Spec.RevisionHistoryLimit = 600, 10
	w := &world{d: d, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.push("v1")
	return w
}

func number(value string) *intstr.IntOrString {
	parsed := intstr.Parse(value)
	return &parsed
}

// edit changes the Deployment as a user does.
func (w *world) edit(change func(spec *appsv1.DeploymentSpec)) {
	w.d = w.d.DeepCopy()
	change(&w.d.Spec)
	w.d.Generation++
}

// push sets the image to web:<version>. Pods of a version that begins with "bad" never become ready.
func (w *world) push(version string) {
	w.edit(func(spec *appsv1.DeploymentSpec) {
		spec.Template = corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:" + version}}},
		}
	})
}

func (w *world) scale(replicas int32) {
	w.edit(func(spec *appsv1.DeploymentSpec) { spec.Replicas = &replicas })
}

func version(template *corev1.PodTemplateSpec) string {
	return strings.TrimPrefix(template.Spec.Containers[0].Image, "web:")
}

func (w *world) observed() Observed {
	observed := Observed{Running: map[types.UID]int{}}
	for _, s := range w.sets {
		observed.ReplicaSets = append(observed.ReplicaSets, s.rs)
		observed.Running[s.rs.UID] = len(s.pods)
	}
	return observed
}

// decide makes a plan and carries it out; it is false if the plan did nothing.
func (w *world) decide() (Plan, bool) {
	plan := Decide(w.d, w.observed(), w.now)
	return plan, w.apply(plan)
}

func (w *world) apply(plan Plan) (acted bool) {
	event := func(from, to int32, template *corev1.PodTemplateSpec) {
		switch {
		case to > from:
			w.events = append(w.events, fmt.Sprintf("up %s %d→%d", version(template), from, to))
		case to < from:
			w.events = append(w.events, fmt.Sprintf("down %s %d→%d", version(template), from, to))
		}
	}
	if rs := plan.Create; rs != nil {
		w.seq++
		rs.UID, rs.Generation = types.UID(fmt.Sprintf("uid-%d", w.seq)), 1
		rs.CreationTimestamp = metav1.NewTime(w.now.Add(time.Duration(w.seq) * time.Nanosecond))
		w.sets = append(w.sets, &set{rs: rs})
		if replicas(rs) == 0 {
			w.events = append(w.events, "new "+version(&rs.Spec.Template))
		}
		event(0, replicas(rs), &rs.Spec.Template)
	}
	for _, change := range plan.Change {
		at := slices.IndexFunc(w.sets, func(s *set) bool { return s.rs.UID == change.ReplicaSet.UID })
		changed := change.ReplicaSet.DeepCopy()
		if change.From != change.To {
			changed.Generation++
		}
		w.sets[at].rs = changed
		event(change.From, change.To, &changed.Spec.Template)
	}
	for _, rs := range plan.Delete {
		w.sets = slices.DeleteFunc(w.sets, func(s *set) bool { return s.rs.UID == rs.UID })
		w.events = append(w.events, "forget "+version(&rs.Spec.Template))
	}
	w.d = w.d.DeepCopy()
	w.d.Status = plan.Status
	if plan.Revision != "" {
		metav1.SetMetaDataAnnotation(&w.d.ObjectMeta, AnnotationRevision, plan.Revision)
	}
	return plan.Create != nil || len(plan.Change) > 0 || len(plan.Delete) > 0
}

// sync does what the ReplicaSet controller does for one ReplicaSet.
func (w *world) sync(s *set) {
	active := s.active()
	for missing := int(replicas(s.rs)) - len(active); missing > 0; missing-- {
		s.pods = append(s.pods, &pod{})
	}
	if surplus := len(active) - int(replicas(s.rs)); surplus > 0 {
		slices.SortStableFunc(active, func(a, b *pod) int { return worth(a) - worth(b) })
		for _, p := range active[:surplus] {
			p.terminating = true
		}
	}
	s.rs = s.rs.DeepCopy()
	status := appsv1.ReplicaSetStatus{ObservedGeneration: s.rs.Generation, TerminatingReplicas: new(int32), Conditions: s.rs.Status.Conditions}
	for _, p := range s.pods {
		switch {
		case p.terminating:
			*status.TerminatingReplicas++
			continue
		case p.available:
			status.AvailableReplicas++
			status.ReadyReplicas++
		case p.ready:
			status.ReadyReplicas++
		}
		status.Replicas++
	}
	s.rs.Status = status
}

func (s *set) active() []*pod {
	return slices.DeleteFunc(slices.Clone(s.pods), func(p *pod) bool { return p.terminating })
}

func worth(p *pod) int {
	switch {
	case p.available:
		return 2
	case p.ready:
		return 1
	}
	return 0
}

// start makes a Pod ready and available, unless its version is bad.
func (s *set) start(p *pod) {
	if good := !strings.HasPrefix(version(&s.rs.Spec.Template), "bad"); good && !p.terminating {
		p.ready, p.available = true, true
	}
}

// stop removes the Pods that are terminating.
func (s *set) stop() {
	s.pods = slices.DeleteFunc(s.pods, func(p *pod) bool { return p.terminating })
}

// count is how many Pods there really are, terminating ones left out.
func (w *world) count() (total, available int32) {
	for _, s := range w.sets {
		for _, p := range s.active() {
			total++
			if p.available {
				available++
			}
		}
	}
	return total, available
}

func (w *world) reason() string {
	if progressing := find(w.d.Status.Conditions, appsv1.DeploymentProgressing); progressing != nil {
		return progressing.Reason
	}
	return "-"
}
