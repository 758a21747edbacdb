package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/wait"
)

const webManifest = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: web:v1
`

// TestDaemon follows two commits from a real repository through a whole daemon, whose engine is the one in memory, as the verbs
// of the client show it.
func TestDaemon(t *testing.T) {
	isolate(t)
	repository := newRepository(t)
	repository.push("web.yaml", webManifest, "web: v1")
	d := startDaemon(t, repository.bare)
	d.eventually("status", exitOK)

	d.expect(exitOK, "plan").contains("0 to create, 0 to change, 0 to prune, 1 left alone")

	repository.push("web.yaml", strings.Replace(webManifest, "web:v1", "web:v2", 1), "web: v2")
	for range 2 { // the first has changed nothing
		d.expect(exitDiffers, "plan").contains("~ Deployment default/web", "web.yaml:1", `"web:v1" → "web:v2"`, "1 to change")
	}
	d.expect(exitDiffers, "plan", "-o", "json").contains(`"action": "change"`, `"subject": "web: v2"`)
	d.expect(exitOK, "history").lacks("web: v2")
	d.expect(exitOK, "sync", "--wait", "--timeout", "20s").contains("Synced, Healthy: 1 object at " + repository.head())
	d.expect(exitOK, "status").contains(repository.head(), "Synced", "Healthy", "1/1")
	d.expect(exitOK, "plan", "default").contains("0 to change")
	history := d.expect(exitOK, "history", "default")
	history.contains("~Deployment default/web", "+Deployment default/web")
	if newest, oldest := strings.Index(history.text, "web: v2 (Ada)"), strings.Index(history.text, "web: v1 (Ada)"); newest < 0 || oldest < newest {
		t.Errorf("history is not both commits, newest first:\n%s", history.text)
	}

	repository.push("web.yaml", strings.Replace(webManifest, "replicas", "replica", 1), "web: a slip")
	d.expect(exitTrouble, "plan").contains("web.yaml", "replica")
	d.expect(exitError, "sync", "--wait").contains("coracle: default: ", "web.yaml", "replica")
	d.expect(exitDiffers, "status").contains("OutOfSync", "LoadFailed: 1 refused, held back or not loaded")
	d.expect(exitTrouble, "status", "shop").contains(`there is no application "shop"; there are: default`)

	if err := serve(t.Context(), d.options(), zerolog.Nop()); err == nil || !strings.Contains(err.Error(), "another coracle") {
		t.Errorf("a second daemon on the same data directory ends with %v", err)
	}
	d.stop()
	d.expect(exitTrouble, "plan").contains("does not answer; is it running?")
}

// isolate keeps the user's files and settings out of a test.
func isolate(t *testing.T) {
	home := t.TempDir()
	for name, value := range map[string]string{
		"HOME": home, "XDG_CACHE_HOME": filepath.Join(home, "cache"), "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home, "KUBECONFIG": "",
		"GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
		"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org",
	} {
		t.Setenv(name, value)
	}
}

// repository is a bare one, and a clone to push from.
type repository struct {
	t           *testing.T
	bare, clone string
}

func newRepository(t *testing.T) *repository {
	dir := t.TempDir()
	r := &repository{t, filepath.Join(dir, "shop.git"), filepath.Join(dir, "clone")}
	r.git(dir, "init", "--quiet", "--bare", "--initial-branch=main", r.bare)
	r.git(dir, "init", "--quiet", "--initial-branch=main", r.clone)
	return r
}

func (r *repository) git(dir string, args ...string) string {
	r.t.Helper()
	command := exec.CommandContext(r.t.Context(), "git", args...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repository) push(name, content, subject string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.clone, name), []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.git(r.clone, "add", "--all")
	r.git(r.clone, "commit", "--quiet", "--message", subject)
	r.git(r.clone, "push", "--quiet", r.bare, "main")
}

// head is the newest commit, in 7 digits.
func (r *repository) head() string { return r.git(r.clone, "rev-parse", "HEAD")[:7] }

// daemonProcess is a whole daemon in a goroutine.
type daemonProcess struct {
	t          *testing.T
	dir, repo  string
	cancel     context.CancelFunc
	ended      chan error
	log        bytes.Buffer
	hasStopped bool
}

// processLogger is made once, as in a process: Kubernetes' libraries, to which it is given, read theirs without a lock.
var processLogger = newLogger(zerolog.InfoLevel)

func startDaemon(t *testing.T, repo string) *daemonProcess {
	d := &daemonProcess{t: t, dir: t.TempDir(), repo: repo, ended: make(chan error, 1)}
	var ctx context.Context
	ctx, d.cancel = context.WithCancel(t.Context())
	logger := processLogger.Output(zerolog.SyncWriter(&d.log))
	go func() { d.ended <- serve(ctx, d.options(), logger) }()
	t.Cleanup(func() {
		if d.stop(); t.Failed() {
			t.Logf("the daemon's log:\n%s", d.log.String())
		}
	})
	return d
}

func (d *daemonProcess) options() *serveOptions {
	options := &serveOptions{}
	options.register(pflag.NewFlagSet("serve", pflag.ContinueOnError)) // for the defaults
	options.dataDir, options.repo, options.engine, options.listen = d.dir, d.repo, "memory", "127.0.0.1:0"
	options.poll = "@every 1h" // only what asks for a sync gets one
	return options
}

// stop ends the daemon as SIGTERM does, and checks that it is quick.
func (d *daemonProcess) stop() {
	if d.hasStopped {
		return
	}
	d.hasStopped = true
	d.cancel()
	select {
	case err := <-d.ended:
		if err != nil {
			d.t.Errorf("the daemon ended with: %v", err)
		}
	case <-time.After(5 * time.Second):
		d.t.Errorf("the daemon did not stop within 5 s")
		<-d.ended
	}
}

// answer is what a verb printed, errors included.
type answer struct {
	t    *testing.T
	verb string
	text string
}

func (d *daemonProcess) run(args ...string) (answer, int) {
	d.t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(append(args, "--data-dir", d.dir))
	command, err := root.ExecuteContextC(d.t.Context())
	code := exitCode(command, err)
	return answer{d.t, strings.Join(args, " "), out.String()}, code
}

func (d *daemonProcess) expect(code int, args ...string) answer {
	d.t.Helper()
	got, gotCode := d.run(args...)
	if gotCode != code {
		d.t.Fatalf("coracle %s: exit code %d, want %d:\n%s", got.verb, gotCode, code, got.text)
	}
	return got
}

// eventually asks again until the verb ends with the code.
func (d *daemonProcess) eventually(verb string, code int) {
	d.t.Helper()
	var last answer
	err := wait.PollUntilContextTimeout(d.t.Context(), 20*time.Millisecond, 20*time.Second, true, func(context.Context) (bool, error) {
		got, gotCode := d.run(verb)
		last = got
		return gotCode == code, nil
	})
	if err != nil {
		d.t.Fatalf("coracle %s never ended with %d; last:\n%s", verb, code, last.text)
	}
}

func (a answer) contains(parts ...string) {
	a.t.Helper()
	for _, part := range parts {
		if !strings.Contains(a.text, part) {
			a.t.Errorf("coracle %s does not print %q:\n%s", a.verb, part, a.text)
		}
	}
}

func (a answer) lacks(part string) {
	a.t.Helper()
	if strings.Contains(a.text, part) {
		a.t.Errorf("coracle %s prints %q:\n%s", a.verb, part, a.text)
	}
}
