package node

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/memory"
)

// counting counts the pulls that reach the engine, and holds them until released.
type counting struct {
	runtime.Engine
	mu      sync.Mutex
	pulls   int
	begun   chan struct{}
	release chan struct{}
}

func (c *counting) PullImage(ctx context.Context, ref string, auth *runtime.RegistryAuth, progress func(runtime.PullProgress)) error {
	c.mu.Lock()
	c.pulls++
	c.mu.Unlock()
	c.begun <- struct{}{}
	<-c.release
	return c.Engine.PullImage(ctx, ref, auth, progress)
}

func TestPullsOfOneImageAreOne(t *testing.T) {
	engine := &counting{Engine: memory.New(memory.Options{}), begun: make(chan struct{}, 9), release: make(chan struct{})}
	file := filepath.Join(t.TempDir(), "images.json")
	i := newImages(engine, clock.RealClock{}, file, true)
	first := make(chan error)
	go func() {
		_, err := i.get(context.Background(), "web:v1", nil)
		first <- err
	}()
	<-engine.begun
	impatient, cancel := context.WithCancel(context.Background())
	cancel()
	for range 5 { // they join, and do not stay for the end
		if _, err := i.get(impatient, "web:v1", nil); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	close(engine.release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if engine.pulls != 1 {
		t.Errorf("%d pulls", engine.pulls)
	}
	again := newImages(engine, clock.RealClock{}, file, true)
	if _, ours := again.ours()["web:v1"]; !ours {
		t.Error("the record does not outlive the agent")
	}
}

// An image that was there before is not coracle's to remove, even if it is pulled again.
func TestImagesOfOthersAreNotOurs(t *testing.T) {
	i := newImages(memory.New(memory.Options{Images: []string{"web:v1"}}), clock.RealClock{}, filepath.Join(t.TempDir(), "images.json"), true)
	if _, err := i.get(context.Background(), "web:v1", nil); err != nil {
		t.Fatal(err)
	}
	if ours := i.ours(); len(ours) > 0 {
		t.Errorf("ours: %v", ours)
	}
}

func TestUnusedImages(t *testing.T) {
	ago := func(d time.Duration) time.Time { return dawn.Add(-d) }
	present := []runtime.Image{
		{ID: "1", Tags: []string{"old:v1"}}, {ID: "2", Tags: []string{"older:v1"}}, {ID: "3", Tags: []string{"used:v1"}},
		{ID: "4", Tags: []string{"byid:v1"}}, {ID: "5", Tags: []string{"shared:v1", "mine:v1"}}, {ID: "6", Tags: []string{"fresh:v1"}}, {ID: "7", Tags: []string{"foreign:v1"}},
	}
	ours := map[string]time.Time{
		"old:v1": ago(time.Hour), "older:v1": ago(2 * time.Hour), "used:v1": {}, "byid:v1": {}, "shared:v1": {}, "fresh:v1": ago(time.Minute),
	}
	got := unusedImages(present, ours, map[string]bool{"used:v1": true, "4": true}, dawn)
	if diff := cmp.Diff([]string{"older:v1", "old:v1"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestPullPolicy(t *testing.T) {
	for image, want := range map[string]corev1.PullPolicy{
		"web": corev1.PullAlways, "web:latest": corev1.PullAlways, "web:v1": corev1.PullIfNotPresent, "reg:5000/web": corev1.PullAlways,
		"web@sha256:1111111111111111111111111111111111111111111111111111111111111111": corev1.PullIfNotPresent,
	} {
		if got := pullPolicy(&corev1.Container{Image: image}); got != want {
			t.Errorf("%s: %s", image, got)
		}
	}
	if got := pullPolicy(&corev1.Container{Image: "web", ImagePullPolicy: corev1.PullNever}); got != corev1.PullNever {
		t.Error(got)
	}
}

func TestAuthIn(t *testing.T) {
	config := `{"auths": {"https://index.docker.io/v1/": {"auth": "bWU6c2VjcmV0"}, "registry.example.com:5000": {"username": "you", "password": "p"}}}`
	secret := &corev1.Secret{Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(config)}}
	for domain, want := range map[string]*runtime.RegistryAuth{
		"docker.io":                 {Username: "me", Password: "secret", ServerAddress: "https://index.docker.io/v1/"},
		"registry.example.com:5000": {Username: "you", Password: "p", ServerAddress: "registry.example.com:5000"},
		"other.example.com":         nil,
	} {
		if diff := cmp.Diff(want, authIn(secret, domain)); diff != "" {
			t.Errorf("%s: %s", domain, diff)
		}
	}
	if got := authIn(&corev1.Secret{Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte("{")}}, "docker.io"); got != nil {
		t.Error(got)
	}
}
