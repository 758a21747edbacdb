package deploy

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"coracle.dev/coracle/runtime/enginetest/machine"
)

const manifest = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {greeting: hello}
---
apiVersion: v1
kind: Secret
metadata: {name: password}
stringData: {word: sesame}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: tools}
spec:
  selector: {matchLabels: {app: tools}}
  template:
    metadata: {labels: {app: tools}}
    spec:
      terminationGracePeriodSeconds: 0
      securityContext: {runAsUser: 1000, fsGroup: 1000}
      containers:
      - name: tools
        image: tools:1
        command: [sh, -c, "cat /settings/greeting; echo; echo served > /scratch/index; httpd -f -p 127.0.0.1:8080 -h /scratch"]
        readinessProbe: {exec: {command: [cat, /password/word]}, periodSeconds: 1}
        volumeMounts:
        - {name: settings, mountPath: /settings}
        - {name: password, mountPath: /password}
        - {name: scratch, mountPath: /scratch}
        - {name: memory, mountPath: /memory}
        - {name: host, mountPath: /host}
      volumes:
      - {name: settings, configMap: {name: settings}}
      - {name: password, secret: {secretName: password}}
      - {name: scratch, emptyDir: {}}
      - {name: memory, emptyDir: {medium: Memory}}
      - {name: host, hostPath: {path: /srv/manifests, type: Directory}}
`

var runLine = regexp.MustCompile("(?s)```sh\n(docker run [^`]*coracle serve[^`]*)\n```")

// The server's line of the README runs, on an engine of its own, and what it runs misses nothing.
func TestServerInAContainer(t *testing.T) {
	m := newMachine(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	line := runLine.FindSubmatch(readme)
	if line == nil {
		t.Fatal("the README has no line that runs the server")
	}
	image := exec.CommandContext(ctx, "./image.sh", "../bin/coracle")
	image.Env = append(os.Environ(), "DOCKER_HOST="+m.EngineHost())
	if out, err := image.CombinedOutput(); err != nil {
		t.Fatalf("image.sh: %v\n%s", err, out)
	}
	sh := func(script string) (string, error) {
		out, err := m.Command(ctx, "sh", "-ec", script).CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	must := func(script string) string {
		t.Helper()
		out, err := sh(script)
		if err != nil {
			log, _ := sh("docker logs coracle 2>&1 | tail -20")
			t.Fatalf("%s: %v\n%s\ncoracle's log:\n%s", script, err, out, log)
		}
		return out
	}
	until := func(script, want string) {
		t.Helper()
		var last string
		for range 150 {
			if last, _ = sh(script); strings.Contains(last, want) {
				return
			}
			select {
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
				t.Fatal(ctx.Err())
			}
		}
		log, _ := sh("docker logs coracle 2>&1 | tail -20")
		t.Fatalf("%s: never %q, at last:\n%s\ncoracle's log:\n%s", script, want, last, log)
	}

	// The machine's /srv is this machine's, so that of the Pod is on its own disk.
	must("mkdir /var/lib/srv && mount --bind /var/lib/srv /srv && mkdir /srv/manifests && cat > /srv/manifests/tools.yaml << 'END'\n" + manifest + "END")
	must("mkdir -p /run/tools/bin /run/tools/tmp && cp /bin/busybox /run/tools/bin && for name in sh cat echo mkdir httpd touch stat; do ln -s busybox /run/tools/bin/$name; done; " +
		"tar -C /run/tools -c . | docker import --change 'ENV PATH=/bin' - tools:1")
	must(string(line[1]))
	kubectl := "docker exec coracle coracle kubectl "
	until(kubectl+"get deployment tools", "1/1")
	for script, want := range map[string]string{
		"logs deployment/tools":                                                                "hello",
		"exec deployment/tools -- cat /password/word":                                          "sesame",
		"exec deployment/tools -- cat /host/tools.yaml":                                        "kind: ConfigMap",
		"exec deployment/tools -- sh -c 'touch /scratch/x /memory/x && stat -c %g /scratch/x'": "1000",
		"get nodes -o wide":                                                                    "Ready",
	} {
		if got := must(kubectl + script); !strings.Contains(got, want) {
			t.Errorf("kubectl %s: got %q, want %q in it", script, got, want)
		}
	}
	// It listens on the Pod's loopback only, so the server has to enter the Pod's network.
	must("docker exec --detach coracle coracle kubectl port-forward deployment/tools 8080:8080")
	until(`bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080; printf "GET /index HTTP/1.0\r\n\r\n" >&3; cat <&3'`, "served")

	// A newer image: the container goes, what it ran stays.
	before := must("docker ps -q --filter label=io.kubernetes.container.name=tools")
	must("docker rm --force coracle && " + string(line[1]))
	until(kubectl+"get deployment tools", "1/1")
	if after := must("docker ps -q --filter label=io.kubernetes.container.name=tools"); after != before {
		t.Errorf("another container runs: %s, not %s", after, before)
	}
}

func newMachine(t *testing.T) *machine.Machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a machine of the test's own needs root")
	}
	for program, name := range map[string]string{"dockerd": "docker.io", "docker": "docker-cli", "busybox": "busybox-static"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is missing: install %s", program, name)
		}
	}
	if _, err := os.Stat("../bin/coracle"); err != nil {
		t.Fatal("bin/coracle is missing: run `make build`")
	}
	dir, err := os.MkdirTemp("/var/tmp", "coracle-deploy")
	if err != nil {
		t.Fatal(err)
	}
	m, err := machine.Start(t.Context(), machine.Options{Dir: filepath.Join(dir, "raspi001"), Tethered: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Off(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := m.StartEngine(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}
