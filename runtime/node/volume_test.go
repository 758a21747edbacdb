package node

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestWriteTreeSwapsAllAtOnce(t *testing.T) {
	dir := t.TempDir()
	write := func(files map[string]file) string {
		t.Helper()
		if err := writeTree(dir, files, nil, dawn); err != nil {
			t.Fatal(err)
		}
		link, err := os.Readlink(filepath.Join(dir, dataLink))
		if err != nil {
			t.Fatal(err)
		}
		return link
	}
	first := write(map[string]file{"a": {data: []byte("1"), mode: 0o644}, "sub/b": {data: []byte("2"), mode: 0o400}})
	if got := tree(t, dir); !cmp.Equal(got, map[string]string{"a": "1", "sub/b": "2"}) {
		t.Errorf("first: %v", got)
	}
	if again := write(map[string]file{"a": {data: []byte("1"), mode: 0o644}, "sub/b": {data: []byte("2"), mode: 0o400}}); again != first {
		t.Error("nothing changed, but it was written anew")
	}
	held, err := os.Open(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	second := write(map[string]file{"a": {data: []byte("3"), mode: 0o600}, "c": {data: nil, mode: 0o644}})
	if second == first {
		t.Error("the link still leads to the old files")
	}
	if got := tree(t, dir); !cmp.Equal(got, map[string]string{"a": "3", "c": ""}) {
		t.Errorf("second: %v", got)
	}
	if _, err := os.Stat(filepath.Join(dir, first)); !os.IsNotExist(err) {
		t.Errorf("the old files are still there: %v", err)
	}
	info, _ := os.Stat(filepath.Join(dir, "a"))
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if err := writeTree(dir, map[string]file{"../x": {}}, nil, dawn); err == nil {
		t.Error("a path that leaves the volume is no error")
	}
}

// tree is what a container sees: names that do not begin with "..".
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "..") {
			continue
		}
		root, err := filepath.EvalSymlinks(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			relative, _ := filepath.Rel(root, path)
			files[filepath.Join(entry.Name(), relative)] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func configured(name string) corev1.VolumeSource {
	return corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: ref(name)}}
}

func TestPayload(t *testing.T) {
	n := quietNode(t, fake.NewSimpleClientset(
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "c"}, Data: map[string]string{"k": "v", "l": "w"}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "s"}, Data: map[string][]byte{"k": []byte("hidden")}},
	))
	pod := podOf("web", "web:v1")
	pod.Labels = map[string]string{"app": "web"}
	mode := int32(0o400)
	items := []corev1.KeyToPath{{Key: "k", Path: "dir/key", Mode: &mode}}
	for name, test := range map[string]struct {
		source corev1.VolumeSource
		want   map[string]file
		err    string
	}{
		"all keys": {configured("c"), map[string]file{"k": {data: []byte("v"), mode: 0o644}, "l": {data: []byte("w"), mode: 0o644}}, ""},
		"items": {corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s", Items: items}},
			map[string]file{"dir/key": {data: []byte("hidden"), mode: 0o400}}, ""},
		"missing object": {configured("none"), nil, `configmap "none" not found`},
		"missing key": {corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: ref("c"), Items: []corev1.KeyToPath{{Key: "x", Path: "x"}}}},
			nil, "configmap references non-existent config key: x"},
		"missing but optional": {corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: ref("none"), Optional: yes()}}, map[string]file{}, ""},
		"projected": {corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{DefaultMode: &mode, Sources: []corev1.VolumeProjection{
			{Secret: &corev1.SecretProjection{LocalObjectReference: ref("s")}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}}}}},
		}}}, map[string]file{"k": {data: []byte("hidden"), mode: 0o400}, "labels": {data: []byte(`app="web"`), mode: 0o400}}, ""},
	} {
		got, err := n.payload(context.Background(), pod, &corev1.Volume{Name: "v", VolumeSource: test.source})
		switch {
		case test.err != "" && (err == nil || err.Error() != test.err):
			t.Errorf("%s: %v", name, err)
		case test.err == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.err == "":
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(file{})); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

func TestMounts(t *testing.T) {
	n := quietNode(t, fake.NewSimpleClientset())
	pod := podOf("web", "web:v1")
	pod.Spec.Volumes = []corev1.Volume{
		{Name: "disk", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		{Name: "mem", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}},
	}
	c := &pod.Spec.Containers[0]
	c.VolumeMounts = []corev1.VolumeMount{
		{Name: "disk", MountPath: "/disk"}, {Name: "disk", MountPath: "/sub", SubPathExpr: "$(NAME)", ReadOnly: true}, {Name: "mem", MountPath: "/mem"},
	}
	state := n.state(keyOf(pod))
	n.setUpVolumes(context.Background(), keyOf(pod), pod, state)
	if !state.memory.VolumesReady {
		t.Fatal(state.memory.Volumes)
	}
	env := &environment{values: map[string]string{"NAME": "x"}}
	mounts, err := n.mounts(keyOf(pod), pod, c, env, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range mounts {
		path := strings.NewReplacer(n.DataDir, "DATA", n.TmpfsDir, "TMPFS").Replace(m.HostPath)
		got = append(got, path+" "+m.Target)
		if _, err := os.Stat(m.HostPath); err != nil {
			t.Error(err)
		}
		if m.ReadOnly != (m.Target == "/sub") {
			t.Errorf("%s: read-only %v", m.Target, m.ReadOnly)
		}
	}
	want := []string{
		"DATA/pods/uid-web/volumes/disk /disk", "DATA/pods/uid-web/volumes/disk/x /sub", "TMPFS/pods/uid-web/volumes/mem /mem",
		"DATA/pods/uid-web/messages/a_0 /dev/termination-log",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if info, _ := os.Stat(mounts[0].HostPath); info.Mode().Perm() != 0o777 {
		t.Errorf("an emptyDir of mode %v", info.Mode())
	}
	if err := n.removeVolumes(keyOf(pod)); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(filepath.Join(n.DataDir, "pods")); len(entries) > 0 {
		t.Errorf("left: %v", entries)
	}
}

func TestSubPathStaysInside(t *testing.T) {
	volume, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(volume, "link")); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"../x", "/etc", "link", "link/x", "a/../../x"} {
		if path, err := resolveSubPath(volume, sub); err == nil {
			t.Errorf("%s leads to %s", sub, path)
		}
	}
}

func TestHostPathTypes(t *testing.T) {
	dir := t.TempDir()
	regular := filepath.Join(dir, "file")
	if err := os.WriteFile(regular, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		kind corev1.HostPathType
		path string
		ok   bool
	}{
		{corev1.HostPathUnset, dir, true}, {corev1.HostPathUnset, dir + "/made", true}, {corev1.HostPathDirectory, dir, true},
		{corev1.HostPathDirectory, regular, false}, {corev1.HostPathDirectory, dir + "/none", false},
		{corev1.HostPathDirectoryOrCreate, dir + "/made/too", true}, {corev1.HostPathFile, regular, true}, {corev1.HostPathFile, dir, false},
		{corev1.HostPathFileOrCreate, dir + "/new", true}, {corev1.HostPathFileOrCreate, dir, false}, {corev1.HostPathSocket, regular, false},
		{corev1.HostPathCharDev, "/dev/null", true}, {corev1.HostPathBlockDev, "/dev/null", false},
	} {
		err := checkHostPath(&corev1.HostPathVolumeSource{Path: test.path, Type: &test.kind})
		if (err == nil) != test.ok {
			t.Errorf("%s %s: %v", test.kind, test.path, err)
		}
	}
}

// A change of a ConfigMap reaches the files of a running Pod, and a Pod that waits for one starts when it comes.
func TestConfigMapReachesPods(t *testing.T) {
	m := newMachine(t, "web:v1")
	m.start()
	pod := podOf("web", "web:v1")
	pod.Spec.Volumes = []corev1.Volume{{Name: "c", VolumeSource: configured("settings")}}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "c", MountPath: "/c"}}
	m.create(pod)
	m.eventually("it waits", func() bool {
		return m.recorded(`MountVolume.SetUp failed for volume "c" : configmap "settings" not found`)
	})
	maps := m.client.CoreV1().ConfigMaps("default")
	c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "settings"}, Data: map[string]string{"k": "1"}}
	if _, err := maps.Create(context.Background(), c, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	m.eventually("ready", m.ready("web"))
	c.Data["k"] = "2"
	if _, err := maps.Update(context.Background(), c, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(m.dir, "pods", "uid-web", "volumes", "c", "k")
	m.eventually("the file changes", func() bool {
		data, _ := os.ReadFile(path)
		return string(data) == "2"
	})
}
