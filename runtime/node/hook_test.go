package node

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"coracle.dev/coracle/runtime/memory"
)

func command(words ...string) *corev1.LifecycleHandler {
	return &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: words}}
}

// The postStart hook runs before a container is ready, the preStop hook before it is told to stop.
func TestHooks(t *testing.T) {
	m := newMachine(t, "web:v1")
	var mu sync.Mutex
	var order []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, what)
	}
	m.engine.SetScripts(memory.Script{
		Program: func(_ context.Context, p *memory.Process) int {
			<-p.Signals
			note("TERM")
			return 0
		},
		Exec: func(_ context.Context, p *memory.Process) int {
			if p.Command[0] == "hello" && m.ready("web")() {
				note("ready too early")
			}
			note(strings.Join(p.Command, " "))
			return 0
		},
	})
	m.start()
	pod := podOf("web", "web:v1")
	pod.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PostStart: command("hello"), PreStop: command("good", "bye")}
	m.create(pod)
	m.eventually("ready", m.ready("web"))
	m.delete("web", 10*time.Second)
	m.eventually("gone", func() bool { return m.pod("web") == nil })
	if got := strings.Join(order, ", "); got != "hello, good bye, TERM" {
		t.Errorf("order: %s", got)
	}
}

func TestFailedPostStartHookRestarts(t *testing.T) {
	m := newMachine(t, "web:v1")
	m.engine.SetScripts(memory.Script{Exec: func(context.Context, *memory.Process) int { return 4 }})
	m.start()
	pod := podOf("web", "web:v1")
	pod.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PostStart: command("check")}
	m.create(pod)
	m.eventually("CrashLoopBackOff", m.shows("web", "CrashLoopBackOff"))
	if !m.recorded(`Warning FailedPostStartHook PostStartHook failed: command "check" exited with 4`) {
		t.Error(m.describe())
	}
}

// throughEngine has probes reach containers that are not on the machine's network.
func throughEngine(o *Options) {
	o.Dial = func(ctx context.Context, id, _ string, port int) (net.Conn, error) {
		return o.Engine.Dial(ctx, id, port)
	}
}

func TestProbesDecide(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "web:v1")
	m.engine.SetScripts(
		memory.Script{Times: 1, UnreadyAfter: 200 * time.Millisecond},
		memory.Script{},
	)
	m.start(throughEngine)
	pod := podOf("web", "web:v1")
	handler := corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromString("http")}}
	c := &pod.Spec.Containers[0]
	c.Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 80}}
	c.StartupProbe = &corev1.Probe{ProbeHandler: handler, PeriodSeconds: 1, FailureThreshold: 30}
	c.ReadinessProbe = &corev1.Probe{ProbeHandler: handler, PeriodSeconds: 1, FailureThreshold: 1}
	c.LivenessProbe = &corev1.Probe{ProbeHandler: handler, PeriodSeconds: 1, FailureThreshold: 1}
	m.create(pod)
	m.eventually("ready", m.ready("web"))
	m.eventually("restarted and ready", m.shows("web", "1/1 Running restarts=1"))
	for _, line := range []string{"Warning Unhealthy Liveness probe failed: ", "Normal Killing Container a failed liveness probe, will be restarted"} {
		if !m.recorded(line) {
			t.Errorf("no event %q\n%s", line, m.describe())
		}
	}
}

func TestEmptyDirBeyondItsLimitEvicts(t *testing.T) {
	m := newMachine(t, "web:v1")
	a := m.start()
	pod := podOf("web", "web:v1")
	limit := resource.MustParse("1Ki")
	pod.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &limit}}}}
	m.create(pod)
	m.eventually("ready", m.ready("web"))
	a.limitVolumesOf(keyOf(pod))
	if m.recorded("Evicted") {
		t.Error("evicted although the volume is empty")
	}
	if err := os.WriteFile(filepath.Join(m.dir, "pods", "uid-web", "volumes", "v", "big"), make([]byte, 1025), 0o644); err != nil {
		t.Fatal(err)
	}
	a.limitVolumesOf(keyOf(pod))
	m.eventually("evicted", func() bool {
		s := m.pod("web").Status
		return s.Phase == corev1.PodFailed && s.Reason == "Evicted" && s.Message == `Usage of EmptyDir volume "v" exceeds the limit "1Ki". `
	})
}
