package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	ktesting "k8s.io/client-go/testing"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/memory"
)

// Kubernetes' clients slow down by the time of the process's last error, which a synctest bubble, whose years are others, would
// wait for for ever. What logs errors comes first, and stays.
func init() { utilruntime.ErrorHandlers = utilruntime.ErrorHandlers[:1] }

func remote(o *Options) { o.Remote = true }

// away has the API refuse everything until the returned func is called.
func (m *machine) away() (back func()) {
	var gone atomic.Bool
	gone.Store(true)
	m.client.PrependReactor("*", "*", func(ktesting.Action) (bool, kruntime.Object, error) {
		if gone.Load() {
			return true, nil, errors.New("the server is away")
		}
		return false, nil, nil
	})
	return func() { gone.Store(false) }
}

// An agent that is restarted while its server is away goes on with what runs, restarts what dies, and touches nothing once the
// server is back, but for what was deleted meanwhile.
func TestRestartWhileTheServerIsAway(t *testing.T) {
	for _, recorded := range []bool{true, false} { // else the Pods are known by their containers' labels alone
		t.Run(map[bool]string{true: "recorded", false: "labels"}[recorded], func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { restartWhileAway(t, recorded) })
		})
	}
}

func restartWhileAway(t *testing.T, recorded bool) {
	m := newMachine(t, "web:v1", "frail:v1")
	first := m.start(remote)
	m.create(podOf("web", "web:v1", "web:v1"))
	m.create(podOf("frail", "frail:v1"))
	m.create(podOf("goes", "web:v1"))
	m.eventually("ready", func() bool { return m.ready("web")() && m.ready("frail")() && m.ready("goes")() })
	first.stop()
	path := filepath.Join(m.dir, "pods.pb")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the Pods were not recorded: %v", err)
	}
	if !recorded {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	before := m.named("web")
	back := m.away()
	second := m.run(remote)
	m.eventually("goes on", second.recall.serving)
	frail := m.named("frail")[0]
	if err := m.engine.StopContainer(context.Background(), frail.ID, 0); err != nil {
		t.Fatal(err)
	}
	m.eventually("frail is restarted", func() bool {
		now := m.named("frail")
		return len(now) == 2 && now[1].State == runtime.StateRunning
	})
	if err := m.client.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("pods"), "default", "goes"); err != nil {
		t.Fatal(err)
	}
	back()
	m.eventually("what was deleted goes", func() bool { return len(m.named("goes")) == 0 })
	m.eventually("the restart is told", m.shows("frail", "1/1 Running restarts=1"))
	if diff := cmp.Diff(before, m.named("web")); diff != "" {
		t.Errorf("containers were touched: %s", diff)
	}
	if second.recall.serving() {
		t.Error("the API is back, but the Pods are still those of before")
	}
}

// named are a Pod's containers, by their names.
func (m *machine) named(pod string) []runtime.Container {
	var found []runtime.Container
	for _, c := range m.containers() {
		if c.Labels[runtime.LabelPodName] == pod {
			found = append(found, c)
		}
	}
	return found
}

func TestNetworkOfTheNode(t *testing.T) {
	network := func(subnet, owner string) runtime.Network {
		return runtime.Network{Name: "coracle", Subnet: subnet, Labels: map[string]string{runtime.LabelManaged: owner}}
	}
	for name, test := range map[string]struct {
		there runtime.Network
		claim func(runtime.Info) error
		check func(string) error
		fault string
		want  string // of the error; "" is none
		cidr  string
	}{
		"none is there":       {cidr: "10.9.0.0/24"},
		"its own":             {there: network("10.9.7.0/24", "n1"), cidr: "10.9.7.0/24"},
		"another node's":      {there: network("10.9.7.0/24", "n2"), want: "belongs to node n2, and this node is n1"},
		"claimed":             {claim: func(runtime.Info) error { return errors.New("another coracle runs here") }, want: "another coracle runs here"},
		"overlapping machine": {check: func(string) error { return errors.New("overlaps with eth0") }, want: "overlaps with eth0"},
		"overlapping network": {there: runtime.Network{Name: "other", Subnet: "10.9.0.0/16"}, want: "overlaps with 10.9.0.0/16 of network other"},
		"too old":             {fault: "the Docker Engine is version 19.3: coracle needs 20.10", want: "coracle needs 20.10"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, "web:v1")
			if test.there.Name != "" {
				if err := m.engine.EnsureNetwork(t.Context(), test.there); err != nil {
					t.Fatal(err)
				}
			}
			if test.fault != "" {
				m.engine.SetFaults(memory.Fault{Call: "Info", Err: misfit(test.fault)})
			}
			n, err := New(m.options(func(o *Options) { o.Claim, o.CheckCIDR = test.claim, test.check }))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- n.Run(ctx) }()
			if test.want == "" {
				<-n.network.ready
				cancel()
				if _, cidr, _ := n.network.get(); cidr != test.cidr {
					t.Errorf("the subnet is %s, want %s", cidr, test.cidr)
				}
			}
			if err := <-ended; test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("ended with %v, want %q", err, test.want)
			}
		})
	}
}
