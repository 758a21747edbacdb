package node

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// Each story is the whole life of a Pod; its trace is in testdata/<name>.golden.
var stories = map[string]func() *world{
	"one-container": func() *world {
		w := newWorld(podOf("web", "web:v1"))
		w.pass(time.Minute)
		w.delete(30 * time.Second)
		w.pass(time.Minute)
		return w
	},
	"two-containers-slow-to-stop": func() *world {
		w := newWorld(podOf("web", "web:v1", "web:v1"))
		w.stops = time.Hour
		w.pass(time.Minute)
		w.delete(30 * time.Second)
		w.pass(10 * time.Second)
		w.delete(12 * time.Second)
		w.pass(time.Minute)
		return w
	},
	"crash-loop": func() *world {
		w := newWorld(podOf("web", "web:v1"))
		crash := life{lasts: time.Second, exit: 1}
		w.lives["a"] = []life{crash, crash, crash, crash, {lasts: 11 * time.Minute, exit: 2}, crash}
		w.pass(30 * time.Minute)
		return w
	},
	"job": func() *world {
		w := newWorld(podOf("job", "web:v1"))
		w.pod.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
		w.lives["a"] = []life{{lasts: 5 * time.Second, exit: 3}, {lasts: 5 * time.Second}}
		w.pass(time.Hour)
		w.delete(0)
		w.pass(time.Minute)
		return w
	},
	"never": func() *world {
		w := newWorld(podOf("job", "web:v1", "web:v1"))
		w.pod.Spec.RestartPolicy = corev1.RestartPolicyNever
		w.lives["a"] = []life{{lasts: 5 * time.Second}}
		w.lives["b"] = []life{{lasts: 10 * time.Second, exit: 137, oom: true}}
		w.pass(time.Hour)
		return w
	},
	"init-containers": func() *world {
		w := newWorld(withInit(podOf("web", "web:v1"), "i", "j"))
		w.lives["i"] = []life{{lasts: time.Second, exit: 1}, {lasts: time.Second}}
		w.lives["j"] = []life{{lasts: time.Second}}
		w.pass(time.Minute)
		return w
	},
	"init-fails-for-good": func() *world {
		w := newWorld(withInit(podOf("web", "web:v1"), "i", "j"))
		w.pod.Spec.RestartPolicy = corev1.RestartPolicyNever
		w.lives["i"] = []life{{lasts: time.Second, exit: 1}}
		w.pass(time.Minute)
		return w
	},
	"sidecar": func() *world {
		w := newWorld(withInit(podOf("job", "web:v1"), "s"))
		always := corev1.ContainerRestartPolicyAlways
		w.pod.Spec.InitContainers[0].RestartPolicy = &always
		w.pod.Spec.RestartPolicy = corev1.RestartPolicyNever
		w.lives["s"] = []life{{lasts: 2 * time.Second, exit: 1}}
		w.lives["a"] = []life{{lasts: time.Minute}}
		w.pass(time.Hour)
		return w
	},
	"image-missing-then-there": func() *world {
		w := newWorld(podOf("web", "web:v9"))
		w.images["web:v9"] = "manifest unknown"
		w.pass(time.Minute)
		delete(w.images, "web:v9")
		w.pass(time.Minute)
		return w
	},
	"start-fails": func() *world {
		w := newWorld(podOf("web", "web:v1"))
		w.lives["a"] = []life{{failed: "no such command"}, {failed: "no such command"}}
		w.pass(time.Minute)
		return w
	},
	"sandbox-dies": func() *world {
		w := newWorld(withInit(podOf("web", "web:v1", "web:v1"), "i"))
		w.lives["i"] = []life{{lasts: time.Second}, {lasts: time.Second}}
		w.pass(time.Minute)
		w.say("someone removes the sandbox")
		w.remove(w.containers[w.named(sandboxName)].ID)
		w.pass(time.Minute)
		return w
	},
	"container-removed-by-hand": func() *world {
		w := newWorld(podOf("web", "web:v1"))
		w.pass(time.Minute)
		for range 2 {
			w.say("someone removes the container")
			w.remove(w.containers[w.named("a")].ID)
			w.pass(time.Minute)
		}
		return w
	},
	"never-and-removed-by-hand": func() *world {
		w := newWorld(podOf("job", "web:v1"))
		w.pod.Spec.RestartPolicy = corev1.RestartPolicyNever
		w.pass(time.Minute)
		w.say("someone removes the container")
		w.remove(w.containers[w.named("a")].ID)
		w.pass(time.Minute)
		return w
	},
	"deadline": func() *world {
		w := newWorld(podOf("job", "web:v1"))
		w.pod.Spec.ActiveDeadlineSeconds = new(int64)
		*w.pod.Spec.ActiveDeadlineSeconds = 20
		w.pass(time.Minute)
		return w
	},
	"new-image": func() *world {
		w := newWorld(podOf("web", "web:v1"))
		w.pass(time.Minute)
		w.say("the image becomes web:v2")
		w.pod.Spec.Containers[0].Image = "web:v2"
		w.pass(time.Minute)
		return w
	},
	"liveness": func() *world {
		w := newWorld(podOf("web", "web:v1"))
		w.pass(time.Minute)
		w.say("the liveness probe gives up")
		grace := int64(0)
		w.memory.Probes[w.containers[0].ID] = Probed{Failed: "liveness", Grace: &grace}
		w.pass(time.Minute)
		return w
	},
	"startup-then-ready": func() *world {
		w := newWorld(podOf("web", "web:v1"))
		w.pod.Spec.Containers[0].StartupProbe = &corev1.Probe{}
		w.pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{}
		w.pass(time.Minute)
		w.say("the startup probe succeeds")
		w.memory.Probes["id1"] = Probed{Started: true}
		w.pass(time.Minute)
		w.say("the readiness probe succeeds")
		w.memory.Probes["id1"] = Probed{Started: true, Ready: true}
		w.pass(time.Minute)
		return w
	},
}

func withInit(pod *corev1.Pod, names ...string) *corev1.Pod {
	for _, name := range names {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{Name: name, Image: "init:v1"})
	}
	return pod
}

func TestStories(t *testing.T) {
	for name, play := range stories {
		t.Run(name, func(t *testing.T) {
			got := play().trace.String()
			path := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
