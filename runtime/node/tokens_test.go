package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
	testingclock "k8s.io/utils/clock/testing"

	"coracle.dev/coracle/runtime/memory"
)

// issuer answers TokenRequests as the API does, each with another token.
type issuer struct {
	mu     sync.Mutex
	away   error // why it gives none
	asked  []authenticationv1.TokenRequestSpec
	issued int
}

func (i *issuer) serve(client *fake.Clientset) {
	client.PrependReactor("create", "serviceaccounts", func(action ktesting.Action) (bool, kruntime.Object, error) {
		if action.GetSubresource() != "token" {
			return false, nil, nil
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		create := action.(ktesting.CreateActionImpl)
		request := create.Object.(*authenticationv1.TokenRequest).DeepCopy()
		i.asked = append(i.asked, *request.Spec.DeepCopy())
		if i.away != nil {
			return true, nil, i.away
		}
		i.issued++
		if request.Spec.ExpirationSeconds == nil {
			hour := int64(3600)
			request.Spec.ExpirationSeconds = &hour
		}
		request.Status.Token = fmt.Sprintf("%s/%s for %s, %v #%d", create.Namespace, create.Name, request.Spec.BoundObjectRef.UID, request.Spec.Audiences, i.issued)
		return true, request, nil
	})
}

func (i *issuer) say(away error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.away = away
}

func tokenVolume(name string, projections ...corev1.ServiceAccountTokenProjection) corev1.Volume {
	projected := &corev1.ProjectedVolumeSource{}
	for i := range projections {
		projected.Sources = append(projected.Sources, corev1.VolumeProjection{ServiceAccountToken: &projections[i]})
	}
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Projected: projected}}
}

func seconds(n int64) *int64 { return &n }

// tokenPod has its volumes set up on a machine whose clock the test moves.
type tokenPod struct {
	*testing.T
	node   *Node
	issuer *issuer
	clock  *testingclock.FakeClock
	events *record.FakeRecorder
	pod    *corev1.Pod
}

func newTokenPod(t *testing.T, volumes ...corev1.Volume) *tokenPod {
	client := fake.NewSimpleClientset()
	p := &tokenPod{T: t, issuer: &issuer{}, clock: testingclock.NewFakeClock(dawn), events: record.NewFakeRecorder(10), pod: podOf("web", "web:v1")}
	p.issuer.serve(client)
	p.pod.Spec.ServiceAccountName, p.pod.Spec.Volumes = "robot", volumes
	var err error
	p.node, err = New(Options{
		Name: "n1", Engine: memory.New(memory.Options{}), Client: client, Clock: p.clock, Recorder: p.events,
		DataDir: t.TempDir(), TmpfsDir: t.TempDir(), InternalIP: "192.0.2.1",
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// setUp returns what the Pod's memory then says, and its files.
func (p *tokenPod) setUp() (Memory, map[string]string) {
	p.Helper()
	key := keyOf(p.pod)
	state := p.node.state(key)
	p.node.setUpVolumes(context.Background(), key, p.pod, state)
	return *state.memory, p.files()
}

func (p *tokenPod) files() map[string]string {
	files := map[string]string{}
	for _, v := range p.pod.Spec.Volumes {
		dir := p.node.volumePath(keyOf(p.pod), &v)
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		for path, content := range tree(p.T, dir) {
			files[v.Name+"/"+path] = content
		}
	}
	return files
}

func (p *tokenPod) want(what string, got, want map[string]string) {
	p.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		p.Fatalf("%s: -want +got:\n%s", what, diff)
	}
}

func TestATokenIsForItsPod(t *testing.T) {
	p := newTokenPod(t, tokenVolume("t",
		corev1.ServiceAccountTokenProjection{Path: "api", ExpirationSeconds: seconds(3600)},
		corev1.ServiceAccountTokenProjection{Path: "dir/vault", Audience: "vault", ExpirationSeconds: seconds(600)}))
	_, files := p.setUp()
	p.want("files", files, map[string]string{
		"t/api": "default/robot for uid-web, [] #1", "t/dir/vault": "default/robot for uid-web, [vault] #2",
	})
	bound := &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: "web", UID: "uid-web"}
	want := []authenticationv1.TokenRequestSpec{
		{BoundObjectRef: bound, ExpirationSeconds: seconds(3600)},
		{BoundObjectRef: bound, ExpirationSeconds: seconds(600), Audiences: []string{"vault"}},
	}
	if diff := cmp.Diff(want, p.issuer.asked); diff != "" {
		t.Errorf("asked: -want +got:\n%s", diff)
	}
	entries, err := os.ReadDir(p.node.DataDir)
	if err != nil || len(entries) > 0 {
		t.Errorf("on disk: %v, %v", entries, err)
	}

	// An API that was lost gives the Pod another UID, and knows nothing of tokens from before.
	p.pod = p.pod.DeepCopy()
	p.pod.UID, p.pod.Annotations = "made-again", map[string]string{AnnotationUID: "uid-web"}
	_, files = p.setUp()
	p.want("made again", files, map[string]string{
		"t/api": "default/robot for made-again, [] #3", "t/dir/vault": "default/robot for made-again, [vault] #4",
	})
	if held := p.node.tokens.held[keyOf(p.pod)]; len(held) != 2 {
		t.Errorf("still holds %v", held)
	}

	if err := p.node.cleanUp(keyOf(p.pod)); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(filepath.Join(p.node.TmpfsDir, "pods")); len(entries) > 0 || len(p.node.tokens.held) > 0 {
		t.Errorf("outlive the Pod: %v, %v", entries, p.node.tokens.held)
	}
}

func TestTokensAreRenewed(t *testing.T) {
	for name, test := range map[string]struct {
		lasts int64
		renew time.Duration
	}{
		"at 80% of its time":        {3600, 48 * time.Minute},
		"the shortest":              {600, 8 * time.Minute},
		"after a day at the latest": {7 * 24 * 3600, 24 * time.Hour},
		"once a minute at most":     {60, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTokenPod(t, tokenVolume("t", corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: &test.lasts}))
			first := map[string]string{"t/token": "default/robot for uid-web, [] #1"}
			m, files := p.setUp()
			p.want("at first", files, first)
			if !m.VolumesReady || !m.RenewTokens.Equal(dawn.Add(test.renew)) {
				t.Fatalf("ready %v, renewed after %s, want %s", m.VolumesReady, m.RenewTokens.Sub(dawn), test.renew)
			}
			p.clock.SetTime(dawn.Add(test.renew - time.Second))
			_, files = p.setUp()
			p.want("before its time", files, first)
			p.clock.SetTime(dawn.Add(test.renew))
			m, files = p.setUp()
			p.want("renewed", files, map[string]string{"t/token": "default/robot for uid-web, [] #2"})
			if !m.RenewTokens.Equal(dawn.Add(2 * test.renew)) {
				t.Errorf("next after %s", m.RenewTokens.Sub(dawn))
			}
		})
	}
}

// While the API is away a Pod keeps its token, and is none the worse for it.
func TestATokenStaysWhileTheAPIIsAway(t *testing.T) {
	p := newTokenPod(t, tokenVolume("t", corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: seconds(3600)}))
	first := map[string]string{"t/token": "default/robot for uid-web, [] #1"}
	p.setUp()
	p.issuer.say(errors.New("connection refused"))
	for _, after := range []time.Duration{48 * time.Minute, 59 * time.Minute} {
		p.clock.SetTime(dawn.Add(after))
		m, files := p.setUp()
		p.want(after.String(), files, first)
		if !m.VolumesReady || m.Volumes.Tries > 0 || !m.RenewTokens.Equal(dawn.Add(after+tokenRetry)) || len(p.events.Events) > 0 {
			t.Fatalf("%s: %+v, %d events", after, m, len(p.events.Events))
		}
	}
	p.clock.SetTime(dawn.Add(time.Hour))
	m, files := p.setUp()
	p.want("expired", files, first)
	if !m.VolumesReady || !m.RenewTokens.Equal(dawn.Add(time.Hour+tokenRetry)) || len(p.events.Events) != 1 {
		t.Fatalf("expired: %+v, %d events", m, len(p.events.Events))
	}
	p.issuer.say(nil)
	m, files = p.setUp()
	p.want("back", files, map[string]string{"t/token": "default/robot for uid-web, [] #2"})
	if m.Volumes.Tries > 0 || !m.RenewTokens.Equal(dawn.Add(time.Hour+48*time.Minute)) {
		t.Errorf("back: %+v", m)
	}
}

// An agent that was restarted while the API is away leaves the files as they are, and asks again.
func TestATokenStaysWhenTheAgentIsRestarted(t *testing.T) {
	p := newTokenPod(t, tokenVolume("t", corev1.ServiceAccountTokenProjection{Path: "token"}))
	_, before := p.setUp()
	p.node.tokens.release(keyOf(p.pod))
	p.node.forgetState(keyOf(p.pod))
	p.issuer.say(errors.New("connection refused"))
	p.node.recall.serve(map[Key]*corev1.Pod{keyOf(p.pod): p.pod})
	m, files := p.setUp()
	p.want("restarted", files, before)
	if !m.VolumesReady || !m.RenewTokens.Equal(dawn.Add(tokenRetry)) {
		t.Fatalf("restarted: %+v", m)
	}
	p.node.recall.serve(nil)
	p.issuer.say(nil)
	p.clock.SetTime(dawn.Add(tokenRetry))
	if _, files = p.setUp(); cmp.Equal(files, before) {
		t.Error("not renewed once the API is back")
	}
}

// One volume that fails keeps no token from being renewed.
func TestATokenIsRenewedBesideABrokenVolume(t *testing.T) {
	broken := corev1.Volume{Name: "c", VolumeSource: configured("none")}
	p := newTokenPod(t, broken, tokenVolume("t", corev1.ServiceAccountTokenProjection{Path: "token"}))
	m, files := p.setUp()
	if files["t/token"] == "" || m.VolumesReady || m.Volumes.Message != `configmap "none" not found` {
		t.Errorf("%+v, %v", m, files)
	}
}

func TestWhoMayReadAToken(t *testing.T) {
	runs := func(uid int64) *corev1.SecurityContext { return &corev1.SecurityContext{RunAsUser: &uid} }
	for name, test := range map[string]struct {
		pod        *corev1.PodSecurityContext
		containers []*corev1.SecurityContext
		user       int64 // -1 is none
		mode       os.FileMode
	}{
		"anybody":                 {nil, []*corev1.SecurityContext{nil}, -1, 0o644},
		"the Pod's user":          {&corev1.PodSecurityContext{RunAsUser: seconds(7)}, []*corev1.SecurityContext{nil, {}}, 7, 0o600},
		"the container's user":    {&corev1.PodSecurityContext{RunAsUser: seconds(7)}, []*corev1.SecurityContext{runs(8), runs(8)}, 8, 0o600},
		"root":                    {nil, []*corev1.SecurityContext{runs(0)}, 0, 0o600},
		"users that differ":       {nil, []*corev1.SecurityContext{runs(7), runs(8), runs(7)}, -1, 0o644},
		"a user that is not said": {nil, []*corev1.SecurityContext{runs(7), nil}, -1, 0o644},
		"the group":               {&corev1.PodSecurityContext{FSGroup: seconds(9)}, []*corev1.SecurityContext{nil}, -1, 0o640},
		"user and group":          {&corev1.PodSecurityContext{FSGroup: seconds(9), RunAsUser: seconds(7)}, []*corev1.SecurityContext{nil}, 7, 0o640},
	} {
		pod := &corev1.Pod{Spec: corev1.PodSpec{SecurityContext: test.pod}}
		for i, context := range test.containers {
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: fmt.Sprint(i), SecurityContext: context})
		}
		f, user := tokenFile(pod, "token", 0o644), int64(-1)
		if f.user != nil {
			user = *f.user
		}
		if mode := treeMode(f.mode, fsGroup(pod)); user != test.user || mode != test.mode {
			t.Errorf("%s: user %d, mode %o; want %d, %o", name, user, mode, test.user, test.mode)
		}
	}
}

func TestATokenBelongsToItsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("files are given away by root only")
	}
	p := newTokenPod(t, tokenVolume("t", corev1.ServiceAccountTokenProjection{Path: "token"}))
	p.pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: seconds(12345), FSGroup: seconds(23456)}
	p.setUp()
	info, err := os.Stat(filepath.Join(p.node.volumePath(keyOf(p.pod), &p.pod.Spec.Volumes[0]), "token"))
	if err != nil {
		t.Fatal(err)
	}
	if owner := fmt.Sprintf("%+v", info.Sys()); info.Mode() != 0o640 || !strings.Contains(owner, "Uid:12345 Gid:23456") {
		t.Errorf("mode %v, %s", info.Mode(), owner)
	}
}

// Containers run on while a token is renewed, and start again meanwhile.
func TestRenewalIsPlanned(t *testing.T) {
	pod := podOf("web", "web:v1")
	pod.Spec.Volumes = []corev1.Volume{tokenVolume("t", corev1.ServiceAccountTokenProjection{Path: "token"})}
	w := newWorld(pod)
	w.lives["a"] = []life{{lasts: time.Hour, exit: 1}}
	w.pass(time.Minute)
	due := dawn.Add(30 * time.Minute)
	w.memory.RenewTokens = due
	if plan := Plan(pod, w.containers, w.memory, w.now); len(plan.Do) > 0 || !plan.Wake.Equal(due) {
		t.Errorf("before: %v, look again at %s", plan.Do, plan.Wake)
	}
	if plan := Plan(pod, w.containers, w.memory, due); len(plan.Do) != 1 || plan.Do[0].Action != SetUpVolumes {
		t.Errorf("due: %v", plan.Do)
	}
	w.memory.RenewTokens = time.Time{}
	w.pass(time.Hour) // the container has ended, and is started anew
	w.containers, w.memory.RenewTokens = nil, due
	plan := Plan(pod, w.containers, w.memory, w.now)
	if len(plan.Do) != 2 || plan.Do[0].Action != SetUpVolumes || plan.Do[1].Action == SetUpVolumes {
		t.Errorf("due while a container is to be made: %v", plan.Do)
	}
	w.memory.VolumesReady = false
	if plan := Plan(pod, w.containers, w.memory, w.now); len(plan.Do) != 1 {
		t.Errorf("containers don't wait for their volumes: %v", plan.Do)
	}
}

// A Pod waits for its token, and the token ends with it.
func TestTokensReachPods(t *testing.T) {
	m := newMachine(t, "web:v1")
	tokens := &issuer{away: errors.New(`serviceaccounts "robot" not found`)}
	tokens.serve(m.client)
	m.start()
	pod := podOf("web", "web:v1")
	pod.Spec.ServiceAccountName = "robot"
	pod.Spec.Volumes = []corev1.Volume{tokenVolume("t", corev1.ServiceAccountTokenProjection{Path: "token"})}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "t", MountPath: "/t"}}
	m.create(pod)
	m.eventually("it waits", func() bool {
		return m.recorded(`MountVolume.SetUp failed for volume "t" : failed to fetch token: serviceaccounts "robot" not found`)
	})
	if containers, err := m.engine.ListContainers(context.Background()); err != nil || len(containers) > 0 {
		t.Errorf("runs without its token: %v, %v", containers, err)
	}
	tokens.say(nil)
	m.eventually("ready", m.ready("web"))
	path := filepath.Join(m.dir, "tmpfs", "pods", "uid-web", "volumes", "t", "token")
	if data, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(data), "default/robot for uid-web") {
		t.Errorf("%q, %v", data, err)
	}
	if err := m.client.CoreV1().Pods("default").Delete(context.Background(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	m.eventually("the token is gone", func() bool {
		_, err := os.Lstat(path)
		return os.IsNotExist(err)
	})
}
