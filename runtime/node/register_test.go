package node

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestNodeIsRegistered(t *testing.T) {
	m := newMachine(t)
	taint := corev1.Taint{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}
	a := m.start(func(o *Options) { o.Labels = map[string]string{"zone": "a"}; o.Taints = []corev1.Taint{taint} })
	<-a.Adopted()
	node, err := m.client.CoreV1().Nodes().Get(context.Background(), "n1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if node.Labels[corev1.LabelHostname] != "n1" || node.Labels["zone"] != "a" || node.Labels[corev1.LabelOSStable] != "linux" {
		t.Errorf("labels %v", node.Labels)
	}
	if node.Spec.PodCIDR != "10.9.0.0/24" || len(node.Spec.Taints) != 1 {
		t.Errorf("spec %+v", node.Spec)
	}
	s := node.Status
	if s.NodeInfo.KubeletVersion != "v1.37.2" || s.Addresses[0].Address != "192.0.2.1" || s.Capacity.Pods().Value() != 110 || s.Allocatable.Memory().IsZero() {
		t.Errorf("status %+v", s)
	}
	m.eventually("a lease", func() bool {
		lease, err := m.client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(context.Background(), "n1", metav1.GetOptions{})
		return err == nil && *lease.Spec.HolderIdentity == "n1"
	})
}

// What a user did to the Node stays: a cordon, a label, a taint that was taken away.
func TestNodeIsNotFoughtOver(t *testing.T) {
	m := newMachine(t)
	theirs := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{"mine": "yes"}}, Spec: corev1.NodeSpec{Unschedulable: true}}
	if _, err := m.client.CoreV1().Nodes().Create(context.Background(), theirs, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	m.start(func(o *Options) { o.Taints = []corev1.Taint{{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}} })
	m.eventually("current", func() bool {
		node, err := m.client.CoreV1().Nodes().Get(context.Background(), "n1", metav1.GetOptions{})
		return err == nil && node.Labels["mine"] == "yes" && node.Labels[corev1.LabelHostname] == "n1" && node.Spec.Unschedulable &&
			len(node.Spec.Taints) == 0 && node.Status.NodeInfo.KubeletVersion != ""
	})
}

func TestNodeConditions(t *testing.T) {
	ready := func(s corev1.NodeStatus) corev1.NodeCondition {
		for _, c := range s.Conditions {
			if c.Type == corev1.NodeReady {
				return c
			}
		}
		return corev1.NodeCondition{}
	}
	var status corev1.NodeStatus
	setNodeConditions(&status, true, dawn, "", false, dawn)
	if got := ready(status); got.Status != corev1.ConditionTrue {
		t.Errorf("%+v", got)
	}
	setNodeConditions(&status, false, dawn, "no answer", false, dawn.Add(engineGrace-time.Second))
	if got := ready(status); got.Status != corev1.ConditionTrue {
		t.Errorf("not ready too early: %+v", got)
	}
	setNodeConditions(&status, false, dawn, "no answer", true, dawn.Add(engineGrace))
	got := ready(status)
	if got.Status != corev1.ConditionFalse || got.Message != "container runtime is down: no answer" || !got.LastTransitionTime.Time.Equal(dawn.Add(engineGrace)) {
		t.Errorf("%+v", got)
	}
}
