package nodes

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func seconds(n int64) *int64 { return &n }

func tolerations(key string, seconds *int64) corev1.Toleration {
	return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: seconds}
}

func tolerate(key string, seconds *int64) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.Tolerations = append(p.Spec.Tolerations, tolerations(key, seconds)) }
}

func terminating(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: epoch} }

func pod(name string, changes ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("uid-" + name)},
		Spec:       corev1.PodSpec{NodeName: "lost"},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
	for _, change := range changes {
		change(p)
	}
	return p
}

// expelled has these taints, seen at the epoch.
func expelled(keys ...string) Surroundings {
	s := Surroundings{Node: node("lost", "Unknown", ""), Tainted: map[string]time.Time{}}
	for _, key := range keys {
		taint := corev1.Taint{Key: key, Effect: corev1.TaintEffectNoExecute}
		s.Node.Spec.Taints = append(s.Node.Spec.Taints, taint)
		s.Tainted[taintKey(taint)] = epoch
	}
	return s
}

func TestPlanPod(t *testing.T) {
	const unreachable = corev1.TaintNodeUnreachable
	byTaint := PodPlan{Delete: true, Reason: "DeletionByTaintManager", Message: "Taint manager: deleting due to NoExecute taint"}
	byGC := PodPlan{Delete: true, Force: true, Reason: "DeletionByPodGC", Message: "PodGC: node no longer exists"}
	byGCOut := byGC
	byGCOut.Message = "PodGC: node is out of service"
	held, returned, unseen := expelled(unreachable), expelled(unreachable), expelled(unreachable)
	held.Held = true
	returned.Since = epoch.Add(time.Minute)
	unseen.Tainted = nil
	heldByUser := expelled("mine")
	heldByUser.Held = true
	for name, c := range map[string]struct {
		pod  *corev1.Pod
		s    Surroundings
		at   time.Duration
		want PodPlan
	}{
		"no taint":                             {pod("p"), expelled(), 0, PodPlan{}},
		"not tolerated":                        {pod("p"), expelled(unreachable), 0, byTaint},
		"tolerated for a while":                {pod("p", tolerate(unreachable, seconds(300))), expelled(unreachable), 100 * time.Second, PodPlan{After: 200 * time.Second}},
		"tolerated no longer":                  {pod("p", tolerate(unreachable, seconds(300))), expelled(unreachable), 300 * time.Second, byTaint},
		"tolerated for ever":                   {pod("p", tolerate(unreachable, nil)), expelled(unreachable), time.Hour, PodPlan{}},
		"negative is at once":                  {pod("p", tolerate(unreachable, seconds(-5))), expelled(unreachable), 0, byTaint},
		"one of two tolerated":                 {pod("p", tolerate(unreachable, nil)), expelled(unreachable, "mine"), 0, byTaint},
		"the shorter of two":                   {pod("p", tolerate(unreachable, seconds(300)), tolerate("mine", seconds(10))), expelled(unreachable, "mine"), 0, PodPlan{After: 10 * time.Second}},
		"terminating":                          {pod("p", terminating), expelled(unreachable), time.Hour, PodPlan{}},
		"no node is ready":                     {pod("p"), held, time.Hour, PodPlan{}},
		"but a user drives it out":             {pod("p"), heldByUser, 0, byTaint},
		"counted from the return of the first": {pod("p", tolerate(unreachable, seconds(300))), returned, 300 * time.Second, PodPlan{After: time.Minute}},
		"taint not seen yet":                   {pod("p"), unseen, time.Hour, PodPlan{}},
		"node gone for a while":                {pod("p", terminating), Surroundings{Gone: epoch, Quarantine: 40 * time.Second}, 10 * time.Second, PodPlan{After: 30 * time.Second}},
		"node gone":                            {pod("p", tolerate("", nil)), Surroundings{Gone: epoch, Quarantine: 40 * time.Second}, 40 * time.Second, byGC},
		"out of service":                       {pod("p", terminating), expelled(corev1.TaintNodeOutOfService), 0, byGCOut},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, PlanPod(c.pod, c.s, epoch.Add(c.at))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestOutOfServiceNeedsALostNode: the taint on a node that is ready kills nothing by force.
func TestOutOfServiceNeedsALostNode(t *testing.T) {
	s := expelled(corev1.TaintNodeOutOfService)
	s.Node.Status = node("lost", "True", "").Status
	if plan := PlanPod(pod("p", terminating), s, epoch); plan.Delete {
		t.Errorf("%+v", plan)
	}
}
