package deployment

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// play is a story told second by second: in each the Deployment decides, the ReplicaSets follow, Pods created in the
// second before become available and those deleted in the second before are gone. slow Pods are ready at once, available
// after some seconds.
type play struct {
	*world
	t        *testing.T
	out      strings.Builder
	start    time.Time
	slow     int          // seconds from ready to available
	readyAge map[*pod]int // seconds that a Pod has been ready
	lastLine string
}

func newPlay(t *testing.T, w *world) *play {
	p := &play{world: w, t: t, start: w.now, readyAge: map[*pod]int{}}
	fmt.Fprintf(&p.out, "%-6s%-42s%-44s%-26s%s\n", "time", "plan", "size/pods/available of each version", "in all", "Available, Progressing")
	return p
}

func (p *play) say(format string, args ...any) { fmt.Fprintf(&p.out, "\n# "+format+"\n", args...) }

// second plays one second and writes a line if anything is new in it.
func (p *play) second() (quiet bool) {
	p.events = nil
	_, acted := p.decide()
	for _, s := range p.sets {
		fresh := map[*pod]bool{}
		for _, each := range s.pods {
			fresh[each] = true
		}
		before := len(s.pods)
		s.stop()
		p.sync(s)
		for _, each := range s.pods {
			if fresh[each] {
				p.age(s, each)
			}
		}
		acted = acted || before != len(s.pods)
	}
	for _, s := range p.sets {
		p.sync(s)
	}
	p.line()
	p.now = p.now.Add(time.Second)
	return !acted
}

func (p *play) age(s *set, each *pod) {
	if p.slow == 0 {
		s.start(each)
		return
	}
	each.ready = !each.terminating
	if p.readyAge[each]++; p.readyAge[each] > p.slow {
		s.start(each)
	}
}

// settle plays until nothing has happened for some seconds.
func (p *play) settle() {
	for quiet, seconds := 0, 0; quiet < 4+p.slow; seconds++ {
		if p.second() {
			quiet++
		} else {
			quiet = 0
		}
		if seconds > 200 {
			p.t.Fatalf("does not settle:\n%s", &p.out)
		}
	}
}

func (p *play) line() {
	total, available := p.count()
	bounds := boundsOf(p.d)
	if total > bounds.most && !p.d.Spec.Paused {
		p.t.Errorf("%d Pods, may be %d", total, bounds.most)
	}
	var sets []string
	for _, s := range p.sets {
		if replicas(s.rs) > 0 || len(s.pods) > 0 {
			_, serving := (&world{sets: []*set{s}}).count()
			text := fmt.Sprintf("%s %d/%d/%d", version(&s.rs.Spec.Template), replicas(s.rs), len(s.active()), serving)
			if leaving := len(s.pods) - len(s.active()); leaving > 0 {
				text += fmt.Sprintf("-%d", leaving)
			}
			sets = append(sets, text)
		}
	}
	served := "-"
	if c := find(p.d.Status.Conditions, appsv1.DeploymentAvailable); c != nil {
		served = string(c.Status)
	}
	line := fmt.Sprintf("%-42s%-44s%-26s%s, %s", strings.Join(p.events, ", "), strings.Join(sets, "  "),
		fmt.Sprintf("%d (≤%d), %d (≥%d)", total, bounds.most, available, bounds.least), served, p.reason())
	if line != p.lastLine {
		fmt.Fprintf(&p.out, "%-6s%s\n", fmt.Sprintf("%ds", int(p.now.Sub(p.start).Seconds())), line)
	}
	p.lastLine = line
}

func TestRollouts(t *testing.T) {
	for name, story := range map[string]func(t *testing.T) *play{
		"rolling-3": func(t *testing.T) *play {
			p := newPlay(t, newWorld(3, "25%", "25%"))
			p.say("v1 is created")
			p.settle()
			p.say("v2 is pushed")
			p.push("v2")
			p.settle()
			return p
		},
		"rolling-10-surge-3-unavailable-2": func(t *testing.T) *play {
			p := newPlay(t, newWorld(10, "3", "2"))
			p.settle()
			p.say("v2 is pushed")
			p.push("v2")
			p.settle()
			return p
		},
		"rolling-no-unavailable": func(t *testing.T) *play {
			p := newPlay(t, newWorld(2, "1", "0"))
			p.settle()
			p.say("v2 is pushed")
			p.push("v2")
			p.settle()
			return p
		},
		"rolling-percentages": func(t *testing.T) *play {
			p := newPlay(t, newWorld(10, "30%", "20%"))
			p.settle()
			p.say("v2 is pushed")
			p.push("v2")
			p.settle()
			return p
		},
		"rolling-both-round-to-zero": func(t *testing.T) *play {
			p := newPlay(t, newWorld(2, "0", "1%"))
			p.settle()
			p.say("v2 is pushed")
			p.push("v2")
			p.settle()
			return p
		},
		"failure-and-rollback": func(t *testing.T) *play {
			p := newPlay(t, newWorld(10, "3", "2"))
			p.settle()
			p.say("bad2 is pushed: its Pods never become ready")
			p.push("bad2")
			p.settle()
			p.say("ten minutes later")
			p.now = p.now.Add(10 * time.Minute)
			p.settle()
			p.say("v1 again, by git revert or kubectl rollout undo: the revision is %s before", p.d.Annotations[AnnotationRevision])
			p.push("v1")
			p.settle()
			p.say("the revision is %s, and of its ReplicaSet also %q before", p.d.Annotations[AnnotationRevision], p.sets[0].rs.Annotations[AnnotationRevisionHistory])
			return p
		},
		"rollback-in-the-middle": func(t *testing.T) *play {
			p := newPlay(t, newWorld(10, "3", "2"))
			p.settle()
			p.say("v2 is pushed")
			p.push("v2")
			p.second()
			p.second()
			p.second()
			p.say("v1 again")
			p.push("v1")
			p.settle()
			return p
		},
		"rollover": func(t *testing.T) *play {
			p := newPlay(t, newWorld(10, "3", "2"))
			p.settle()
			p.say("bad2 is pushed")
			p.push("bad2")
			p.settle()
			p.say("v3 is pushed on top")
			p.push("v3")
			p.settle()
			return p
		},
		"scaled-in-the-middle": func(t *testing.T) *play {
			p := newPlay(t, newWorld(10, "3", "2"))
			p.settle()
			p.say("bad2 is pushed")
			p.push("bad2")
			p.settle()
			p.say("scaled to 15: old 8 and new 5 share the 5 that 18 allows")
			p.scale(15)
			p.settle()
			p.say("scaled to 5")
			p.scale(5)
			p.settle()
			p.say("v3 is pushed")
			p.push("v3")
			p.settle()
			p.say("scaled to 0, and to 2")
			p.scale(0)
			p.settle()
			p.scale(2)
			p.settle()
			return p
		},
		"paused": func(t *testing.T) *play {
			p := newPlay(t, newWorld(3, "1", "0"))
			p.settle()
			p.say("paused; v2, v3 are pushed; scaled to 4; an hour passes")
			p.edit(func(spec *appsv1.DeploymentSpec) { spec.Paused = true })
			p.second()
			p.push("v2")
			p.second()
			p.push("v3")
			p.settle()
			p.scale(4)
			p.settle()
			p.now = p.now.Add(time.Hour)
			p.settle()
			p.say("resumed: one rollout, straight to v3")
			p.edit(func(spec *appsv1.DeploymentSpec) { spec.Paused = false })
			p.settle()
			return p
		},
		"paused-at-creation": func(t *testing.T) *play {
			p := newPlay(t, newWorld(3, "1", "0"))
			p.edit(func(spec *appsv1.DeploymentSpec) { spec.Paused = true })
			p.settle()
			p.say("resumed")
			p.edit(func(spec *appsv1.DeploymentSpec) { spec.Paused = false })
			p.settle()
			return p
		},
		"recreate": func(t *testing.T) *play {
			w := newWorld(3, "1", "0")
			w.d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
			p := newPlay(t, w)
			p.settle()
			p.say("v2 is pushed: nothing of it before the last v1 is gone")
			p.push("v2")
			p.settle()
			p.say("scaled to 5")
			p.scale(5)
			p.settle()
			return p
		},
		"min-ready": func(t *testing.T) *play {
			w := newWorld(3, "1", "0")
			w.d.Spec.MinReadySeconds = 3
			p := newPlay(t, w)
			p.slow = 3
			p.settle()
			p.say("v2 is pushed: each Pod must be ready for 3 s")
			p.push("v2")
			p.settle()
			return p
		},
		"progress-deadline": func(t *testing.T) *play {
			w := newWorld(3, "1", "0")
			*w.d.Spec.ProgressDeadlineSeconds = 5
			p := newPlay(t, w)
			p.settle()
			p.say("bad2 is pushed, with 5 s to progress")
			p.push("bad2")
			for range 10 {
				p.second()
			}
			p.say("v3 is pushed: a new rollout with a new deadline")
			p.push("v3")
			p.settle()
			return p
		},
		"history-limit": func(t *testing.T) *play {
			w := newWorld(1, "1", "0")
			*w.d.Spec.RevisionHistoryLimit = 2
			p := newPlay(t, w)
			p.settle()
			for _, version := range []string{"v2", "v3", "v4", "v5"} {
				p.say("%s is pushed", version)
				p.push(version)
				p.settle()
			}
			p.say("the limit is 0 now")
			p.edit(func(spec *appsv1.DeploymentSpec) { spec.RevisionHistoryLimit = new(int32) })
			p.settle()
			return p
		},
		"quota": func(t *testing.T) *play {
			p := newPlay(t, newWorld(3, "1", "0"))
			p.settle()
			p.say("v2 is pushed; the quota lets no Pod of it in")
			p.push("v2")
			p.decide()
			refused := p.sets[1]
			refused.rs.Status.Conditions = []appsv1.ReplicaSetCondition{{
				Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: `pods "web-x" is forbidden: exceeded quota`}}
			p.decide()
			for _, c := range p.d.Status.Conditions {
				fmt.Fprintf(&p.out, "      %s %s %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
			}
			p.say("the quota is raised")
			refused.rs.Status.Conditions = nil
			p.settle()
			for _, c := range p.d.Status.Conditions {
				fmt.Fprintf(&p.out, "      %s %s %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
			}
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := story(t).out.String()
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("trace differs (-want +got); run with -update if that is meant:\n%s", diff)
			}
		})
	}
}
