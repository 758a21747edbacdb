package node

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestReadinessGates(t *testing.T) {
	w := newWorld(podOf("web", "web:v1"))
	w.pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/lb"}}
	w.pass(time.Second)
	ready := func() corev1.PodCondition {
		for _, c := range Status(w.pod, w.containers, w.memory, "", w.now).Conditions {
			if c.Type == corev1.PodReady {
				return c
			}
		}
		return corev1.PodCondition{}
	}
	if got := ready(); got.Reason != "ReadinessGatesNotReady" || !strings.Contains(got.Message, `"example.com/lb" does not exist`) {
		t.Errorf("%+v", got)
	}
	w.pod.Status.Conditions = append(w.pod.Status.Conditions, corev1.PodCondition{Type: "example.com/lb", Status: corev1.ConditionTrue})
	if got := ready(); got.Status != corev1.ConditionTrue {
		t.Errorf("%+v", got)
	}
}

func TestTransitionTimesStayWhileNothingChanges(t *testing.T) {
	w := newWorld(podOf("web", "web:v1"))
	w.pass(time.Second)
	before := w.pod.Status
	after := Status(w.pod, w.containers, w.memory, "192.0.2.1", w.now.Add(time.Hour))
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

func TestMergedKeepsTheTimeOfATransition(t *testing.T) {
	at := func(second int64, status corev1.ConditionStatus) corev1.PodStatus {
		return corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: status, LastTransitionTime: metav1.Unix(second, 0)}}}
	}
	written := at(24, corev1.ConditionTrue)
	if again := merged(written, at(25, corev1.ConditionTrue)); !sameStatus(written, again) {
		t.Errorf("the same condition, judged a second later, is news: %v", again.Conditions)
	}
	if changed := merged(written, at(25, corev1.ConditionFalse)); changed.Conditions[0].LastTransitionTime.Unix() != 25 {
		t.Errorf("a transition has the time of the one before: %v", changed.Conditions)
	}
}

func TestMergedKeepsWhatOthersWrote(t *testing.T) {
	base := corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", QOSClass: corev1.PodQOSBurstable, Conditions: []corev1.PodCondition{
		{Type: "example.com/lb", Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	own := corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
		{Type: "example.com/lb", Status: corev1.ConditionFalse}, {Type: corev1.PodReady, Status: corev1.ConditionFalse}, {Type: corev1.PodInitialized}}}
	want := corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", QOSClass: corev1.PodQOSBurstable, Conditions: []corev1.PodCondition{
		{Type: "example.com/lb", Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionFalse}, {Type: corev1.PodInitialized}}}
	if diff := cmp.Diff(want, merged(base, own)); diff != "" {
		t.Error(diff)
	}
}
