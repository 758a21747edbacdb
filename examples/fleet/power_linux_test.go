package fleet_test

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"coracle.dev/coracle/examples/fleet"
)

// The server is reached from here and from other machines while it has power and a cable, and comes back with them.
func TestPowerAndCable(t *testing.T) {
	o := options(t)
	manifests := t.TempDir()
	o.Serve = []string{"--dir", manifests}
	check(t, os.WriteFile(manifests+"/settings.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	f, err := fleet.New(o)
	check(t, err)
	check(t, f.PowerOn(ctx))
	check(t, f.Serve(ctx))
	server, other := f.Machines()[0], f.Machines()[1]
	t.Cleanup(func() {
		if log, err := os.ReadFile(server.Log()); err == nil && t.Failed() {
			t.Logf("the server's log:\n%s", log)
		}
	})
	reached := func() bool {
		command, err := other.Command(ctx, "timeout", "2", "bash", "-c", "</dev/tcp/"+server.Address.String()+"/6443")
		check(t, err)
		return command.Run() == nil
	}
	is(t, server, fleet.Running)
	is(t, other, fleet.Idle)
	if !reached() {
		t.Error("the other machine does not reach the server")
	}

	check(t, server.CutOff())
	if reached() {
		t.Error("the server is reached over a cable that is cut")
	}
	is(t, server, fleet.Running)
	check(t, server.Reconnect())
	check(t, f.AwaitServer(ctx))

	check(t, server.StopCoracle(ctx, syscall.SIGKILL))
	is(t, server, fleet.Idle)
	check(t, server.StartCoracle(ctx))
	check(t, f.AwaitServer(ctx))

	check(t, server.SwitchOff())
	is(t, server, fleet.Off)
	if reached() {
		t.Error("the server is reached without power")
	}
	check(t, server.SwitchOn(ctx))
	check(t, f.AwaitServer(ctx))
	if !reached() {
		t.Error("the other machine does not reach the server that came back")
	}

	// Another process finds the same fleet.
	again, err := fleet.Open(o.Dir)
	check(t, err)
	is(t, again.Server(), fleet.Running)
}

func is(t *testing.T, m *fleet.Machine, want fleet.State) {
	t.Helper()
	if got, err := m.State(); err != nil || got != want {
		t.Errorf("%s: %q, %v, want %q", m.Name, got, err, want)
	}
}
