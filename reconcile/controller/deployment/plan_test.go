package deployment

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestBounds(t *testing.T) {
	for _, test := range []struct {
		replicas           int32
		surge, unavailable string
		most, least        int32
	}{
		{10, "3", "2", 13, 8},
		{10, "25%", "25%", 13, 8},
		{3, "25%", "25%", 4, 3},
		{1, "25%", "25%", 2, 1},
		{2, "0", "10%", 2, 1}, // both are 0 then, which would allow nothing
		{2, "0", "5", 2, 0},
		{5, "100%", "100%", 10, 0},
		{0, "3", "2", 0, 0},
	} {
		got := boundsOf(newWorld(test.replicas, test.surge, test.unavailable).d)
		if want := (bounds{test.replicas, test.most, test.least}); got != want {
			t.Errorf("%d, surge %s, unavailable %s: %+v, want %+v", test.replicas, test.surge, test.unavailable, got, want)
		}
	}
}

// rolling is a world in the middle of a rollout from v1 to v2, at the given sizes and numbers of available Pods.
func rolling(replicas int32, old, oldAvailable, new, newAvailable int32) *world {
	w := newWorld(replicas, "3", "2")
	w.decide()
	w.push("v2")
	w.decide()
	for i, size := range []struct{ replicas, available int32 }{{old, oldAvailable}, {new, newAvailable}} {
		rs := w.sets[i].rs
		*rs.Spec.Replicas = size.replicas
		rs.Status = appsv1.ReplicaSetStatus{Replicas: size.replicas, ReadyReplicas: size.available, AvailableReplicas: size.available, ObservedGeneration: rs.Generation}
	}
	w.events = nil
	return w
}

func TestNextStep(t *testing.T) {
	settling := rolling(15, 8, 8, 5, 0)
	settling.sets[0].rs.Status.Replicas = 10
	alone := rolling(15, 0, 0, 10, 10)
	alone.sets[0].rs.Status.Replicas = 3
	recreate := rolling(3, 0, 0, 0, 0)
	recreate.d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
	waiting := rolling(3, 0, 0, 0, 0)
	waiting.d.Spec.Strategy = recreate.d.Spec.Strategy
	waiting.sets[0].pods = []*pod{{terminating: true}}
	late := rolling(10, 8, 10, 5, 1)
	for _, test := range []struct {
		about string
		w     *world
		want  string
	}{
		{"room for new ones", rolling(10, 8, 8, 3, 3), "up v2 3→5"},
		{"stuck: the new ones are not available", rolling(10, 8, 8, 5, 0), ""},
		{"stuck, and a node with an old Pod fails: the old one may come back", rolling(10, 8, 7, 5, 0), ""},
		{"unhealthy old ones go first", rolling(10, 8, 4, 5, 5), "down v1 8→3"},
		{"only as many as are more than enough", rolling(10, 8, 8, 5, 2), "down v1 8→6"},
		{"a status older than the size is not believed", late, "down v1 8→7"},
		{"too many new ones", rolling(4, 0, 0, 6, 6), "down v2 6→4"},
		{"scaled up, but Pods that are to go are still there", settling, ""},
		{"scaled up after the rollout, but old Pods are still there", alone, ""},
		{"recreate, all gone", recreate, "up v2 0→3"},
		{"recreate, one is terminating", waiting, ""},
	} {
		if strings.HasPrefix(test.about, "scaled") { // all others were sized for the number of replicas they have
			for _, s := range test.w.sets {
				s.rs.Annotations[annotationDesired], s.rs.Annotations[annotationMost] = "10", "13"
			}
		}
		if test.w.decide(); strings.Join(test.w.events, ", ") != test.want {
			t.Errorf("%s: %q, want %q", test.about, test.w.events, test.want)
		}
	}
}

func TestForgetKeepsWhatIsNotSurelyEmpty(t *testing.T) {
	for about, change := range map[string]func(rs *appsv1.ReplicaSet){
		"empty":                       func(*appsv1.ReplicaSet) {},
		"has Pods still":              func(rs *appsv1.ReplicaSet) { rs.Status.Replicas = 1 },
		"has not seen its size yet":   func(rs *appsv1.ReplicaSet) { rs.Generation++ },
		"is being deleted, elsewhere": func(rs *appsv1.ReplicaSet) { rs.DeletionTimestamp = &metav1.Time{} },
	} {
		w := rolling(3, 0, 0, 3, 3)
		*w.d.Spec.RevisionHistoryLimit = 0
		change(w.sets[0].rs)
		plan, _ := w.decide()
		if got, want := len(plan.Delete), map[bool]int{true: 1}[about == "empty"]; got != want {
			t.Errorf("%s: %d deleted, want %d", about, got, want)
		}
	}
}

func TestNewReplicaSet(t *testing.T) {
	w := newWorld(3, "1", "0")
	w.d.Spec.MinReadySeconds = 7
	w.d.Annotations = map[string]string{
		"coracle.dev/commit":                               "1a2b3c4d",
		"kubernetes.io/change-cause":                       "1a2b3c4 serve v1 (Ada)",
		"kubectl.kubernetes.io/last-applied-configuration": "{}",
		AnnotationRevision:                                 "7",
	}
	plan := Decide(w.d, Observed{}, w.now)
	hash, err := Hash(&w.d.Spec.Template, 0)
	if err != nil {
		t.Fatal(err)
	}
	yes, three := true, int32(3)
	template := w.d.Spec.Template
	template.Labels = map[string]string{"app": "web", "pod-template-hash": hash}
	want := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: "web-" + hash, Labels: template.Labels,
			Annotations: map[string]string{
				"coracle.dev/commit":                        "1a2b3c4d",
				"kubernetes.io/change-cause":                "1a2b3c4 serve v1 (Ada)",
				"deployment.kubernetes.io/revision":         "1",
				"deployment.kubernetes.io/desired-replicas": "3",
				"deployment.kubernetes.io/max-replicas":     "4",
			},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", UID: "uid-web", Controller: &yes, BlockOwnerDeletion: &yes}},
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: &three, MinReadySeconds: 7, Template: template,
			Selector: &metav1.LabelSelector{MatchLabels: template.Labels},
		},
	}
	if diff := cmp.Diff(want, plan.Create); diff != "" {
		t.Errorf("ReplicaSet (-want +got):\n%s", diff)
	}
	if plan.Revision != "1" || w.d.Spec.Template.Labels["pod-template-hash"] != "" {
		t.Errorf("revision %q; template of the Deployment has labels %v", plan.Revision, w.d.Spec.Template.Labels)
	}
}

func TestRollbackTakesTheOldReplicaSetAndTheHighestRevision(t *testing.T) {
	w := newWorld(1, "1", "0")
	for i, step := range []struct{ version, revision, history string }{
		{"v1", "1", ""}, {"v2", "2", ""}, {"v1", "3", "1"}, {"v2", "4", "2"}, {"v1", "5", "1,3"},
	} {
		w.push(step.version)
		w.d.Annotations = map[string]string{"coracle.dev/commit": step.version, AnnotationRevision: w.d.Annotations[AnnotationRevision]}
		w.decide()
		set, _ := split(w.d, w.observed().ReplicaSets)
		got := []string{set.Annotations[AnnotationRevision], set.Annotations[AnnotationRevisionHistory], set.Annotations["coracle.dev/commit"], w.d.Annotations[AnnotationRevision]}
		if diff := cmp.Diff([]string{step.revision, step.history, step.version, step.revision}, got); diff != "" {
			t.Errorf("step %d: revision, history, commit, Deployment's revision (-want +got):\n%s", i, diff)
		}
	}
	if len(w.sets) != 2 {
		t.Errorf("%d ReplicaSets for 2 templates", len(w.sets))
	}
}

func TestHistoryIsBounded(t *testing.T) {
	list := ""
	for n := range int64(3000) {
		list = history(list, n)
	}
	if len(list) > historyBytes || !strings.HasSuffix(list, ",2998,2999") || strings.HasPrefix(list, "0,") {
		t.Errorf("%d bytes: %.20s … %s", len(list), list, list[len(list)-20:])
	}
}

// TestHash holds the hashes that released versions gave. If one changes, a Deployment's next ReplicaSet gets another
// name than the last release would have given it; that rolls nothing, but must not happen by accident.
func TestHash(t *testing.T) {
	web := newWorld(1, "1", "0").d.Spec.Template
	full := *web.DeepCopy()
	full.Annotations = map[string]string{"b": "2", "a": "1"}
	full.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1500m"), corev1.ResourceMemory: resource.MustParse("1Gi")}
	full.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "X", Value: "y"}}
	for _, test := range []struct {
		template   corev1.PodTemplateSpec
		collisions int32
		want       string
	}{{web, 0, "5dfb79b7ff"}, {web, 1, "674c9fc7d"}, {full, 0, "7d7d8d9b98"}, {corev1.PodTemplateSpec{}, 0, "658c46c486"}} {
		for range 3 {
			got, err := Hash(&test.template, test.collisions)
			if err != nil || got != test.want {
				t.Errorf("hash %s, %v; want %s", got, err, test.want)
			}
		}
	}
}

func TestSameTemplate(t *testing.T) {
	template := func(change func(*corev1.PodTemplateSpec)) *corev1.PodTemplateSpec {
		spec := newWorld(1, "1", "0").d.Spec.Template
		change(&spec)
		return &spec
	}
	plain := template(func(*corev1.PodTemplateSpec) {})
	for about, test := range map[string]struct {
		other *corev1.PodTemplateSpec
		same  bool
	}{
		"hash label":  {template(func(s *corev1.PodTemplateSpec) { s.Labels["pod-template-hash"] = "x" }), true},
		"empty slice": {template(func(s *corev1.PodTemplateSpec) { s.Spec.Volumes = []corev1.Volume{} }), true},
		"label":       {template(func(s *corev1.PodTemplateSpec) { s.Labels["tier"] = "x" }), false},
		"annotation":  {template(func(s *corev1.PodTemplateSpec) { s.Annotations = map[string]string{"a": "b"} }), false},
		"image":       {template(func(s *corev1.PodTemplateSpec) { s.Spec.Containers[0].Image = "web:v9" }), false},
	} {
		if got := sameTemplate(plain, test.other); got != test.same {
			t.Errorf("%s: same is %t", about, got)
		}
	}
}

func TestDeadlineIsExact(t *testing.T) {
	w := rolling(10, 8, 8, 5, 0)
	w.decide()
	began := w.now
	w.now = began.Add(599 * time.Second)
	plan, _ := w.decide()
	if plan.After != time.Second || w.reason() == reasonDeadlineExceeded {
		t.Errorf("1 s before the deadline: again after %v, reason %s", plan.After, w.reason())
	}
	w.now = began.Add(600 * time.Second)
	plan, _ = w.decide()
	progressing := find(plan.Status.Conditions, appsv1.DeploymentProgressing)
	want := appsv1.DeploymentCondition{
		Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded",
		Message:        `ReplicaSet "` + w.sets[1].rs.Name + `" has timed out progressing.`,
		LastUpdateTime: metav1.NewTime(w.now), LastTransitionTime: metav1.NewTime(w.now),
	}
	if diff := cmp.Diff(want, *progressing); diff != "" || plan.After != 0 {
		t.Errorf("at the deadline: again after %v (-want +got):\n%s", plan.After, diff)
	}
}

func TestRollbackHasADeadlineOfItsOwn(t *testing.T) {
	w := rolling(10, 8, 8, 5, 0)
	w.decide()
	w.now = w.now.Add(time.Hour)
	if w.decide(); w.reason() != reasonDeadlineExceeded {
		t.Fatalf("an hour later: %s", w.reason())
	}
	w.push("v1")
	plan, _ := w.decide()
	if w.reason() != reasonUpdated && w.reason() != reasonFound || plan.After != 600*time.Second {
		t.Errorf("rolled back: %s, again after %v", w.reason(), plan.After)
	}
	// Nothing has moved: it had been complete before v2, was scaled to 0, and its Pods do not come.
	w = rolling(10, 0, 0, 10, 10)
	w.settleReason()
	w.push("v1")
	plan, _ = w.decide()
	if w.reason() != reasonFound || plan.After != 600*time.Second {
		t.Errorf("rolled back from a complete rollout: %s, again after %v", w.reason(), plan.After)
	}
}

// settleReason decides until Progressing says what the ReplicaSets do.
func (w *world) settleReason() {
	for range 3 {
		w.decide()
	}
}

func TestSpreadPrefersNewerWhenAddingAndOlderWhenTaking(t *testing.T) {
	for _, test := range []struct {
		replicas int32
		want     string
	}{{7, "up v2 3→7"}, {4, "down v1 3→1"}, {5, "down v1 3→2"}} {
		w := rolling(6, 3, 3, 3, 3)
		for _, s := range w.sets {
			s.rs.Annotations[annotationDesired], s.rs.Annotations[annotationMost] = "6", "9"
		}
		w.d.Spec.Strategy.RollingUpdate.MaxSurge = number("0")
		if test.replicas == 7 {
			w.d.Spec.Strategy.RollingUpdate.MaxSurge = number("3")
		}
		w.scale(test.replicas)
		w.decide()
		if got := strings.Join(w.events, ", "); got != test.want {
			t.Errorf("to %d: %q, want %q", test.replicas, got, test.want)
		}
	}
}

func TestNoDeadlineNoProgressing(t *testing.T) {
	w := rolling(10, 8, 8, 5, 0)
	w.d.Spec.ProgressDeadlineSeconds = nil
	plan, _ := w.decide()
	if find(plan.Status.Conditions, appsv1.DeploymentProgressing) != nil || plan.After != 0 {
		t.Errorf("conditions %v, again after %v", plan.Status.Conditions, plan.After)
	}
}

func TestStatusCountsAndKeepsForeignConditions(t *testing.T) {
	w := rolling(10, 8, 7, 5, 4)
	for i, s := range w.sets {
		terminating := int32(i + 1)
		s.rs.Status.TerminatingReplicas = &terminating
	}
	foreign := appsv1.DeploymentCondition{Type: "Zoned", Status: corev1.ConditionTrue}
	w.d.Status.Conditions = append(w.d.Status.Conditions, foreign)
	w.d.Spec.Paused = true
	plan, _ := w.decide()
	three := int32(3)
	want := appsv1.DeploymentStatus{
		ObservedGeneration: w.d.Generation, Replicas: 13, UpdatedReplicas: 5, ReadyReplicas: 11, AvailableReplicas: 11,
		UnavailableReplicas: 2, TerminatingReplicas: &three,
	}
	got := plan.Status
	var types []string
	for _, c := range got.Conditions {
		types = append(types, string(c.Type))
	}
	got.Conditions = nil
	if diff := cmp.Diff(want, got) + cmp.Diff([]string{"Available", "Progressing", "Zoned"}, types); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestDeletedDeploymentDoesNothingButTell(t *testing.T) {
	w := rolling(10, 8, 8, 3, 3)
	w.d.DeletionTimestamp = &metav1.Time{Time: w.now}
	if plan, acted := w.decide(); acted || plan.After != 0 || plan.Status.Replicas != 11 {
		t.Errorf("plan %+v", plan)
	}
}
