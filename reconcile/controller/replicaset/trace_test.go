package replicaset

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// play is a story of one ReplicaSet, told second by second: it decides; then Pods that are new come to run and be ready,
// and those that were deleted in the second before are gone.
type play struct {
	rs    *appsv1.ReplicaSet
	pods  []*corev1.Pod
	now   time.Time
	quota int // Pods that the API admits; further ones are refused
	made  int
	out   strings.Builder
}

func (p *play) say(about string) { fmt.Fprintf(&p.out, "\n# %s\n", about) }

// seconds plays n seconds, and writes those in which something happens.
func (p *play) seconds(n int) {
	for range n {
		p.second()
	}
}

func (p *play) second() {
	p.pods = slices.DeleteFunc(p.pods, func(pod *corev1.Pod) bool {
		return pod.DeletionTimestamp != nil && pod.DeletionTimestamp.Time.Before(p.now)
	})
	plan := Decide(p.rs, Observed{Pods: p.pods}, p.now)
	var outcome Outcome
	for range plan.Create {
		if p.active() >= p.quota {
			outcome.Failure = &Failure{reasonFailedCreate, "exceeded quota"}
			break
		}
		outcome.Created++
		p.made++
		pod := podOf(fmt.Sprintf("p%d", p.made), unready, phase(corev1.PodPending), func(pod *corev1.Pod) {
			pod.UID, pod.CreationTimestamp = types.UID(fmt.Sprintf("%03d", p.made)), metav1.NewTime(p.now)
		})
		p.pods = append(p.pods, pod)
	}
	for _, pod := range plan.Delete {
		pod.DeletionTimestamp = &metav1.Time{Time: p.now}
	}
	before := p.rs.Status
	p.rs.Status = Status(p.rs, Observed{Pods: p.pods}, Outcome{Failure: outcome.Failure}, p.now)
	if plan.Create > 0 || len(plan.Delete) > 0 || !cmp.Equal(before, p.rs.Status) {
		p.line(plan, outcome)
	}
	for _, pod := range p.pods {
		if pod.Status.Phase == corev1.PodPending {
			pod.Status.Phase = corev1.PodRunning
			pod.Status.Conditions[0] = corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(p.now.Add(time.Second))}
		}
	}
	p.now = p.now.Add(time.Second)
}

func (p *play) active() int { return len(Observed{Pods: p.pods}.active()) }

func (p *play) line(plan Plan, outcome Outcome) {
	var actions []string
	if plan.Create > 0 {
		actions = append(actions, fmt.Sprintf("create %d: %d made", plan.Create, outcome.Created))
	}
	if len(plan.Delete) > 0 {
		actions = append(actions, "delete "+strings.Join(names(plan.Delete), " "))
	}
	if plan.After > 0 {
		actions = append(actions, fmt.Sprintf("again in %v", plan.After))
	}
	status := p.rs.Status
	var conditions string
	for _, c := range status.Conditions {
		conditions += fmt.Sprintf("  %s: %s", c.Reason, c.Message)
	}
	fmt.Fprintf(&p.out, "%-6s%-34swants %d: has %d, ready %d, available %d, terminating %d%s\n", p.now.Sub(now), strings.Join(actions, ", "),
		replicas(p.rs), status.Replicas, status.ReadyReplicas, status.AvailableReplicas, *status.TerminatingReplicas, conditions)
}

func TestStory(t *testing.T) {
	p := &play{rs: replicaSet(6), now: now, quota: 4}
	p.rs.Spec.MinReadySeconds = 3
	p.say("6 wanted; the quota is 4")
	p.seconds(8)
	p.say("the quota is raised")
	p.quota = 10
	p.seconds(8)
	p.say("p2 is deleted by hand; p3 fails")
	p.pods[1].DeletionTimestamp = &metav1.Time{Time: p.now}
	p.pods[2].Status.Phase = corev1.PodFailed
	p.seconds(8)
	p.say("p5 is unready, p1 is cheap; 3 wanted")
	for _, pod := range p.pods {
		switch pod.Name {
		case "p5":
			unready(pod)
		case "p1":
			cost("-1")(pod)
		}
	}
	*p.rs.Spec.Replicas = 3
	p.seconds(5)
	p.say("0 wanted, and 1 again")
	*p.rs.Spec.Replicas = 0
	p.seconds(3)
	*p.rs.Spec.Replicas = 1
	p.seconds(6)

	file := filepath.Join("testdata", "story.golden")
	if *update {
		if err := os.WriteFile(file, []byte(p.out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), p.out.String()); diff != "" {
		t.Errorf("trace differs (-want +got); run with -update if that is meant:\n%s", diff)
	}
}
