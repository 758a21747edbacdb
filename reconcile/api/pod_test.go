package api

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestAPodBeginsPending(t *testing.T) {
	pod := fromYAML[corev1.Pod](t, `
metadata: {labels: {app: web, hash: x}, generation: 9}
spec:
  schedulingGates: [{name: example.com/wait}]
  priorityClassName: system-node-critical
  containers: [{name: a, resources: {requests: {cpu: 1}}}]
  topologySpreadConstraints: [{labelSelector: {matchLabels: {app: web}}, matchLabelKeys: [hash, absent]}]
  affinity:
    podAntiAffinity:
      requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: host, labelSelector: {}, mismatchLabelKeys: [hash]}]
status: {phase: Running, podIP: 10.0.0.1, message: from a backup}
`)
	preparePodForCreate(pod)
	golden(t, "pod_created", toYAML(t, pod))
}

func TestGenerationCountsChangesOfTheSpec(t *testing.T) {
	old := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Generation: 4},
		Spec:   corev1.PodSpec{Priority: ptr.To[int32](0), PreemptionPolicy: ptr.To(corev1.PreemptNever)},
		Status: corev1.PodStatus{Phase: corev1.PodRunning}}
	for name, test := range map[string]struct {
		change func(*corev1.Pod)
		want   int64
	}{
		"labels":   {func(p *corev1.Pod) { p.Labels = map[string]string{"a": "b"} }, 4},
		"status":   {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, 4},
		"itself":   {func(p *corev1.Pod) { p.Generation = 77 }, 4},
		"spec":     {func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = ptr.To[int64](5) }, 5},
		"unstated": {func(p *corev1.Pod) { p.Spec.Priority, p.Spec.PreemptionPolicy = nil, nil }, 4},
	} {
		pod := old.DeepCopy()
		test.change(pod)
		preparePodForUpdate(pod, old)
		if pod.Generation != test.want || pod.Status.Phase != corev1.PodRunning {
			t.Errorf("%s: generation %d, phase %s; want %d, Running", name, pod.Generation, pod.Status.Phase, test.want)
		}
	}
}

func TestAStatusWriterChangesOnlyTheStatus(t *testing.T) {
	deleted := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	old := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Generation: 2, DeletionTimestamp: &deleted, OwnerReferences: []metav1.OwnerReference{{Name: "rs"}}},
		Spec:       corev1.PodSpec{NodeName: "n1"},
		Status: corev1.PodStatus{QOSClass: corev1.PodQOSBurstable, ObservedGeneration: 2,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, ObservedGeneration: 2}}},
	}
	got := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Generation: 7},
		Spec:       corev1.PodSpec{NodeName: "n2"},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.244.0.7", HostIPs: []corev1.HostIP{{IP: "192.0.2.1"}},
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
	preparePodForStatusUpdate(got, old)
	want := old.DeepCopy()
	want.Status.Phase = corev1.PodRunning
	want.Status.Conditions[0].Status = corev1.ConditionTrue
	want.Status.PodIP, want.Status.PodIPs = "10.244.0.7", []corev1.PodIP{{IP: "10.244.0.7"}}
	want.Status.HostIP, want.Status.HostIPs = "192.0.2.1", []corev1.HostIP{{IP: "192.0.2.1"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestGracePeriodOfAPod(t *testing.T) {
	running := corev1.Pod{Spec: corev1.PodSpec{NodeName: "n1", TerminationGracePeriodSeconds: ptr.To[int64](30)}, Status: corev1.PodStatus{Phase: corev1.PodRunning}}
	for name, test := range map[string]struct {
		change func(*corev1.Pod)
		asked  *int64
		want   int64
	}{
		"its own":       {want: 30},
		"asked":         {asked: ptr.To[int64](5), want: 5},
		"at once":       {asked: ptr.To[int64](0), want: 0},
		"negative":      {asked: ptr.To[int64](-3), want: 1},
		"never bound":   {change: func(p *corev1.Pod) { p.Spec.NodeName = "" }, asked: ptr.To[int64](5), want: 0},
		"succeeded":     {change: func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }, want: 0},
		"failed":        {change: func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, want: 0},
		"none in store": {change: func(p *corev1.Pod) { p.Spec.TerminationGracePeriodSeconds = nil }, want: 0},
	} {
		pod := running.DeepCopy()
		if test.change != nil {
			test.change(pod)
		}
		if got := podGracePeriod(pod, test.asked); got != test.want {
			t.Errorf("%s: %d seconds, want %d", name, got, test.want)
		}
	}
}

func TestFieldsOfAPodThatSelectorsMatch(t *testing.T) {
	pod := fromYAML[corev1.Pod](t, `
spec: {nodeName: n1, restartPolicy: Never, schedulerName: s, serviceAccountName: robot, hostNetwork: true, containers: []}
status: {phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}], nominatedNodeName: n2}
`)
	var got []string
	for name, value := range podFields(pod) {
		got = append(got, name+"="+value)
	}
	slices.Sort(got)
	want := []string{"spec.hostNetwork=true", "spec.nodeName=n1", "spec.restartPolicy=Never", "spec.schedulerName=s",
		"spec.serviceAccountName=robot", "status.nominatedNodeName=n2", "status.phase=Running", "status.podIP=10.0.0.1", "status.podIPs=10.0.0.1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWarningsOfAPod(t *testing.T) {
	pod := fromYAML[corev1.Pod](t, `
metadata: {name: a.b}
spec:
  subdomain: db
  automountServiceAccountToken: true
  imagePullSecrets: [{name: s}, {}]
  volumes: [{name: v, emptyDir: {sizeLimit: 1Gi}}]
  containers:
  - name: c
    env: [{name: A, value: x}, {name: B}, {name: A, value: y}]
    ports: [{containerPort: 80}, {containerPort: 81}, {name: again, containerPort: 80}]
    resources: {limits: {memory: 1500m, ephemeral-storage: 1Gi}, requests: {ephemeral-storage: 1Gi}}
`)
	want := []string{
		"metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
		"spec.volumes[0].emptyDir.sizeLimit: " + exceptions["EmptyDirVolumeSource.sizeLimit"].reason,
		"spec.automountServiceAccountToken: " + exceptions["PodSpec.automountServiceAccountToken"].reason,
		"spec.subdomain: " + exceptions["PodSpec.subdomain"].reason,
		`spec.imagePullSecrets[1].name: invalid empty name ""`,
		`spec.containers[0].resources.limits[memory]: fractional byte value "1500m" is invalid, must be an integer`,
		"spec.containers[0].resources.limits[ephemeral-storage]: what a container writes is not limited",
		`spec.containers[0].env[2]: hides previous definition of "A", which may be dropped when using apply`,
		"spec.containers[0].ports[2]: duplicate port definition with spec.containers[0].ports[0]",
	}
	if diff := cmp.Diff(want, podWarnings(pod)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
