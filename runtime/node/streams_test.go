package node

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	utilexec "k8s.io/client-go/util/exec"

	"coracle.dev/coracle/runtime/memory"
)

// served is a machine with one Pod, and the address of its agent's streams.
func served(t *testing.T, scripts ...memory.Script) (*machine, string) {
	m := newMachine(t, "web:v1")
	m.engine.SetScripts(scripts...)
	a := m.start()
	m.create(podOf("web", "web:v1"))
	m.eventually("ready", m.ready("web"))
	server := httptest.NewServer(a.Handler())
	t.Cleanup(server.Close)
	m.eventually("the agent sees it", func() bool { _, err := a.runningContainer("default", "web", "a"); return err == nil })
	return m, server.URL
}

func get(t *testing.T, address string) (int, string) {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestLogs(t *testing.T) {
	_, address := served(t, memory.Script{Logs: []string{"one", "two", "three"}})
	for query, want := range map[string]string{
		"": "one\ntwo\nthree\n", "tailLines=1": "three\n", "tailLines=0": "", "limitBytes=5": "one\nt", "stream=Stderr": "", "stream=Stdout&tailLines=2": "two\nthree\n",
		"sinceSeconds=3600": "one\ntwo\nthree\n", "sinceTime=2100-01-01T00:00:00Z": "",
	} {
		if code, got := get(t, address+"/containerLogs/default/web/a?"+query); got != want || code != 200 {
			t.Errorf("%q: %d %q", query, code, got)
		}
	}
	for path, want := range map[string]string{
		"web/a?previous=true": `previous terminated container "a" in pod "web" not found`,
		"web/x":               "container x is not valid for pod web",
		"none/a":              `pod "none" in namespace "default" is not on node n1`,
		"web/a?tailLines=-1":  "tailLines: must be greater than or equal to 0",
		"web/a?follow=maybe":  "follow: ",
	} {
		if code, got := get(t, address+"/containerLogs/default/"+path); code < 400 || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %d %q", path, code, got)
		}
	}
}

// A followed log ends when the container does, and the one before it can be read by then.
func TestFollowedLogEndsWithTheContainer(t *testing.T) {
	m, address := served(t, memory.Script{Logs: []string{"hello"}})
	response, err := http.Get(address + "/containerLogs/default/web/a?follow=true&timestamps=true")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	begin := make([]byte, 10)
	if _, err := io.ReadFull(response.Body, begin); err != nil {
		t.Fatal(err)
	}
	if err := m.engine.Exit(m.containers()[0].ID, 0); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(response.Body)
	if err != nil || !strings.HasSuffix(string(rest), " hello\n") {
		t.Errorf("%q %v", rest, err)
	}
	m.eventually("restarted", m.shows("web", "1/1 Running restarts=1"))
	if code, got := get(t, address+"/containerLogs/default/web/a?previous=true"); code != 200 || got != "hello\n" {
		t.Errorf("previous: %d %q", code, got)
	}
}

func TestLogOfAContainerThatWaits(t *testing.T) {
	m := newMachine(t)
	m.engine.SetFaults(pullFails("none:v1"))
	a := m.start()
	m.create(podOf("web", "none:v1"))
	m.eventually("ErrImagePull", m.shows("web", "ErrImagePull"))
	server := httptest.NewServer(a.Handler())
	defer server.Close()
	want := `container "a" in pod "web" is waiting to start: trying and failing to pull image`
	m.eventually("it says so", func() bool {
		code, got := get(t, server.URL+"/containerLogs/default/web/a")
		return code == http.StatusBadRequest && strings.HasPrefix(got, want)
	})
}

// upper is a command that answers a line in capitals and exits with 3.
func upper(_ context.Context, p *memory.Process) int {
	line, _ := bufio.NewReader(p.Stdin).ReadString('\n')
	fmt.Fprintf(p.Stdout, "%s: %s", strings.Join(p.Command, " "), strings.ToUpper(line))
	fmt.Fprint(p.Stderr, "done")
	return 3
}

// The API server turns version 5 of the WebSocket protocol, which kubectl speaks, into SPDY; version 4 passes through.
func TestExecOverBothProtocols(t *testing.T) {
	_, address := served(t, memory.Script{Exec: upper})
	query := url.Values{"command": {"tr", "a"}, "input": {"1"}, "output": {"1"}, "error": {"1"}}
	target, err := url.Parse(address + "/exec/default/web/a?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	config := &rest.Config{Host: address}
	overSPDY, err := remotecommand.NewSPDYExecutor(config, "POST", target)
	if err != nil {
		t.Fatal(err)
	}
	overWebSocket, err := remotecommand.NewWebSocketExecutorForProtocols(config, "GET", target.String(), "v4.channel.k8s.io")
	if err != nil {
		t.Fatal(err)
	}
	for name, executor := range map[string]remotecommand.Executor{"SPDY": overSPDY, "WebSocket": overWebSocket} {
		var out, errOut bytes.Buffer
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err := executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: strings.NewReader("hi\n"), Stdout: &out, Stderr: &errOut})
		cancel()
		var exit utilexec.CodeExitError
		if !errors.As(err, &exit) || exit.Code != 3 {
			t.Errorf("%s: %v", name, err)
		}
		if out.String() != "tr a: HI\n" || errOut.String() != "done" {
			t.Errorf("%s: %q %q", name, out.String(), errOut.String())
		}
	}
	if code, got := get(t, address+"/exec/default/web/a"); code != http.StatusBadRequest {
		t.Errorf("no streams: %d %s", code, got)
	}
	if code, got := get(t, address+"/exec/default/web/x?output=1"); code != http.StatusNotFound {
		t.Errorf("no such container: %d %s", code, got)
	}
}

func TestPortForward(t *testing.T) {
	_, address := served(t)
	target, err := url.Parse(address + "/portForward/default/web")
	if err != nil {
		t.Fatal(err)
	}
	transport, upgrader, err := spdy.RoundTripperFor(&rest.Config{Host: address})
	if err != nil {
		t.Fatal(err)
	}
	stop, ready := make(chan struct{}), make(chan struct{})
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, "POST", target)
	forwarder, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{"0:80"}, stop, ready, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		t.Fatal(err)
	}
	if code, got := get(t, fmt.Sprintf("http://127.0.0.1:%d/", ports[0].Local)); code != 200 || !strings.Contains(got, "web") {
		t.Errorf("%d %q", code, got)
	}
	close(stop)
	<-done
}

func TestStats(t *testing.T) {
	_, address := served(t)
	if code, got := get(t, address+"/stats/summary"); code != 200 || !strings.Contains(got, `"workingSetBytes":`) || !strings.Contains(got, `"name":"web"`) {
		t.Errorf("%d %s", code, got)
	}
}
