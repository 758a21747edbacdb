package node

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/memory"
)

func TestPodOfOneContainerNeedsNoSandbox(t *testing.T) {
	m := newMachine(t, "web:v1")
	m.start()
	m.create(podOf("web", "web:v1"))
	m.eventually("ready", m.ready("web"))
	if got := m.names(runtime.StateRunning); !cmp.Equal(got, []string{"k8s_a_web_default_uid-web_0"}) {
		t.Errorf("running: %v", got)
	}
	p := m.pod("web")
	if p.Status.PodIP != "10.9.0.2" || p.Status.HostIP != "192.0.2.1" || p.Status.Phase != corev1.PodRunning {
		t.Errorf("status: %+v", p.Status)
	}
}

func TestPodOfTwoSharesASandbox(t *testing.T) {
	m := newMachine(t, "web:v1")
	m.start()
	m.create(podOf("web", "web:v1", "web:v1"))
	m.eventually("ready", m.ready("web"))
	want := []string{"k8s_POD_web_default_uid-web_0", "k8s_a_web_default_uid-web_0", "k8s_b_web_default_uid-web_0"}
	if got := m.names(runtime.StateRunning); !cmp.Equal(got, want) {
		t.Errorf("running: %v", got)
	}
}

func TestKilledContainerIsRestarted(t *testing.T) {
	m := newMachine(t, "web:v1")
	m.start()
	m.create(podOf("web", "web:v1"))
	m.eventually("ready", m.ready("web"))
	ip := m.pod("web").Status.PodIP
	if err := m.engine.Kill(m.containers()[0].ID); err != nil {
		t.Fatal(err)
	}
	m.eventually("restarted", m.shows("web", "1/1 Running restarts=1"))
	if got := m.pod("web").Status; got.PodIP != ip || got.ContainerStatuses[0].LastTerminationState.Terminated.ExitCode != 137 {
		t.Errorf("status: %+v", got)
	}
}

func TestRemovedContainerIsReplaced(t *testing.T) {
	m := newMachine(t, "web:v1")
	m.start()
	m.create(podOf("web", "web:v1"))
	m.eventually("ready", m.ready("web"))
	if err := m.engine.RemoveContainer(context.Background(), m.containers()[0].ID); err != nil {
		t.Fatal(err)
	}
	m.eventually("replaced", m.shows("web", "1/1 Running restarts=1"))
}

func TestRemovedSandboxTakesItsContainersAlong(t *testing.T) {
	m := newMachine(t, "web:v1")
	m.start()
	pod := podOf("web", "web:v1", "web:v1")
	grace := int64(1)
	pod.Spec.TerminationGracePeriodSeconds = &grace
	m.create(pod)
	m.eventually("ready", m.ready("web"))
	if err := m.engine.RemoveContainer(context.Background(), m.containers()[0].ID); err != nil {
		t.Fatal(err)
	}
	m.eventually("replaced", m.shows("web", "2/2 Running restarts=2"))
	m.eventually("one sandbox", func() bool { return strings.Count(strings.Join(m.names(runtime.StateRunning), " "), "POD") == 1 })
}

func TestDeletedPodGoes(t *testing.T) {
	m := newMachine(t, "web:v1")
	a := m.start()
	m.create(podOf("web", "web:v1", "web:v1"))
	m.eventually("ready", m.ready("web"))
	m.delete("web", 5*time.Second)
	m.eventually("gone", func() bool { return m.pod("web") == nil && len(m.containers()) == 0 })
	if !m.recorded("Normal Killing Stopping container a") {
		t.Error(m.describe())
	}
	m.eventually("address freed", func() bool {
		a.addresses.mu.Lock()
		defer a.addresses.mu.Unlock()
		return len(a.addresses.taken) == 0
	})
}

// A Pod that is removed from the API without a word (grace 0) takes its containers along, once the API has confirmed it.
func TestForcedDeletionStopsContainers(t *testing.T) {
	m := newMachine(t, "web:v1")
	m.start()
	m.create(podOf("web", "web:v1"))
	m.eventually("ready", m.ready("web"))
	if err := m.client.CoreV1().Pods("default").Delete(context.Background(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	m.eventually("gone", func() bool { return len(m.containers()) == 0 })
}

func TestMissingImageBacksOff(t *testing.T) {
	m := newMachine(t)
	m.engine.SetFaults(pullFails("none:v1"))
	m.start()
	m.create(podOf("web", "none:v1"))
	m.eventually("ErrImagePull", m.shows("web", "ErrImagePull"))
	for _, line := range []string{`Normal Pulling Pulling image "none:v1"`, `Warning Failed Failed to pull image "none:v1"`, "Warning Failed Error: ErrImagePull"} {
		if !m.recorded(line) {
			t.Errorf("no event %q\n%s", line, m.describe())
		}
	}
}

func TestEngineAwayLeavesStatusAlone(t *testing.T) {
	m := newMachine(t, "web:v1")
	m.start()
	m.create(podOf("web", "web:v1"))
	m.eventually("ready", m.ready("web"))
	before := m.pod("web").Status
	m.engine.Down()
	m.create(podOf("later", "web:v1"))
	if diff := cmp.Diff(before, m.pod("web").Status); diff != "" {
		t.Error(diff)
	}
	m.engine.Up()
	m.eventually("later is ready", m.ready("later"))
	m.eventually("still ready", m.ready("web"))
}

// A Pod that has ended keeps its container, for the log, but neither its sandbox nor its address.
func TestFinishedPodHoldsNoAddress(t *testing.T) {
	m := newMachine(t, "web:v1")
	m.engine.SetScripts(memory.Script{Image: "web:v1", ExitAfter: time.Millisecond})
	a := m.start()
	pod := podOf("job", "web:v1", "web:v1")
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	m.create(pod)
	m.eventually("completed", m.shows("job", "0/2 Completed"))
	m.eventually("address freed", func() bool {
		a.addresses.mu.Lock()
		defer a.addresses.mu.Unlock()
		return len(a.addresses.taken) == 0
	})
	want := []string{"k8s_a_job_default_uid-job_0", "k8s_b_job_default_uid-job_0"}
	if got := m.names(runtime.StateExited); !cmp.Equal(got, want) || m.pod("job").Status.Phase != corev1.PodSucceeded {
		t.Errorf("left: %v\n%s", got, m.describe())
	}
}

// The agent stops within two seconds, and containers go on.
func TestStopLeavesContainersRunning(t *testing.T) {
	m := newMachine(t, "web:v1")
	a := m.start()
	m.create(podOf("web", "web:v1"))
	m.eventually("ready", m.ready("web"))
	begun := time.Now()
	a.stop()
	if took := time.Since(begun); took > stopTime {
		t.Errorf("took %s", took)
	}
	if len(m.names(runtime.StateRunning)) != 1 {
		t.Error(m.describe())
	}
}

// One Pod whose image takes for ever keeps no other waiting.
func TestSlowPodDelaysNoOther(t *testing.T) {
	m := newMachine(t, "web:v1")
	m.engine.SetFaults(memory.Fault{Call: "CreateContainer", Container: "*_slow_*", Hang: true})
	m.start()
	m.create(podOf("slow", "web:v1"))
	for _, name := range []string{"a", "b", "c"} {
		m.create(podOf(name, "web:v1"))
	}
	m.eventually("others are ready", func() bool { return m.ready("a")() && m.ready("b")() && m.ready("c")() })
}
