package node

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"coracle.dev/coracle/runtime"
)

func TestSecurity(t *testing.T) {
	id := func(i int64) *int64 { return &i }
	no := false
	pod := podOf("web", "web:v1")
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{
		RunAsUser: id(1), RunAsGroup: id(2), SupplementalGroups: []int64{7}, FSGroup: id(8), RunAsNonRoot: yes(),
	}
	pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{
		RunAsUser: id(5), ReadOnlyRootFilesystem: yes(), AllowPrivilegeEscalation: &no,
		Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"NET_ADMIN"}, Drop: []corev1.Capability{"CAP_CHOWN", "all"}},
	}
	var got runtime.ContainerSpec
	if err := secure(&got, pod, &pod.Spec.Containers[0], ""); err != nil {
		t.Fatal(err)
	}
	want := runtime.ContainerSpec{
		User: "5:2", Groups: []string{"7", "8"}, ReadOnlyRootFS: true, NoNewPrivileges: true,
		CapAdd: []string{"NET_ADMIN"}, CapDrop: []string{"CHOWN", "ALL"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRunAsNonRoot(t *testing.T) {
	id := func(i int64) *int64 { return &i }
	for name, test := range map[string]struct {
		uid   *int64
		image string
		want  string
	}{
		"root by image":  {nil, "", "container has runAsNonRoot and image will run as root"},
		"root by number": {nil, "0:5", "container has runAsNonRoot and image will run as root"},
		"name":           {nil, "app", "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root"},
		"number":         {nil, "1000:1000", ""},
		"user given":     {id(3), "app", ""},
		"root given":     {id(0), "1000", "container's runAsUser breaks non-root policy"},
	} {
		pod := podOf("web", "web:v1")
		pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{RunAsUser: test.uid, RunAsNonRoot: yes()}
		err := secure(&runtime.ContainerSpec{}, pod, &pod.Spec.Containers[0], test.image)
		if (err == nil) != (test.want == "") || err != nil && !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestResources(t *testing.T) {
	list := func(cpu, memory string) corev1.ResourceList {
		l := corev1.ResourceList{}
		if cpu != "" {
			l[corev1.ResourceCPU] = resource.MustParse(cpu)
		}
		if memory != "" {
			l[corev1.ResourceMemory] = resource.MustParse(memory)
		}
		return l
	}
	for name, test := range map[string]struct {
		requests, limits corev1.ResourceList
		want             runtime.Resources
	}{
		"best effort": {nil, nil, runtime.Resources{CPUShares: 2, OOMScoreAdj: 1000}},
		"guaranteed": {list("500m", "64Mi"), list("500m", "64Mi"), runtime.Resources{
			CPUShares: 512, CPUQuotaMicros: 50_000, MemoryLimitBytes: 64 << 20, OOMScoreAdj: -997}},
		"burstable":   {list("1", "256Mi"), nil, runtime.Resources{CPUShares: 1024, OOMScoreAdj: 750}},
		"limits only": {nil, list("2", ""), runtime.Resources{CPUShares: 2048, CPUQuotaMicros: 200_000, OOMScoreAdj: 999}},
		"tiny":        {nil, list("1m", ""), runtime.Resources{CPUShares: 2, CPUQuotaMicros: 1000, OOMScoreAdj: 999}},
	} {
		pod := podOf("web", "web:v1")
		pod.Spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: test.requests, Limits: test.limits}
		if diff := cmp.Diff(test.want, resources(pod, &pod.Spec.Containers[0], 1<<30)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestHostsAndPorts(t *testing.T) {
	pod := podOf("web-0", "web:v1")
	pod.Spec.Subdomain = "web"
	pod.Spec.HostAliases = []corev1.HostAlias{{IP: "192.0.2.9", Hostnames: []string{"db", "cache"}}}
	pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 8080}, {ContainerPort: 81}, {ContainerPort: 53, HostPort: 53, Protocol: corev1.ProtocolUDP, HostIP: "127.0.0.1"}}
	want := []string{"10.9.0.2 web-0.web.default.svc.cluster.local", "192.0.2.9 db", "192.0.2.9 cache"}
	if diff := cmp.Diff(want, hosts(pod, "10.9.0.2")); diff != "" {
		t.Error(diff)
	}
	wantPorts := []runtime.PortBinding{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}, {HostIP: "127.0.0.1", HostPort: 53, ContainerPort: 53, Protocol: "udp"}}
	if diff := cmp.Diff(wantPorts, ports(pod)); diff != "" {
		t.Error(diff)
	}
	pod.Name = strings.Repeat("a", 62) + ".b"
	if got := hostname(pod); got != strings.Repeat("a", 62) {
		t.Errorf("hostname %q", got)
	}
}

func TestWhoNeedsASandbox(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	sidecar := withInit(podOf("p", "a"), "s")
	sidecar.Spec.InitContainers[0].RestartPolicy = &always
	hostInit := withInit(podOf("p", "a"), "i")
	hostInit.Spec.HostNetwork = true
	sharing := podOf("p", "a")
	sharing.Spec.ShareProcessNamespace = yes()
	for name, test := range map[string]struct {
		pod  *corev1.Pod
		want bool
	}{
		"one": {podOf("p", "a"), false}, "two": {podOf("p", "a", "b"), true}, "init": {withInit(podOf("p", "a"), "i"), true},
		"sidecar": {sidecar, true}, "init on the host's network": {hostInit, false}, "shared processes": {sharing, true},
	} {
		if got := needsSandbox(test.pod); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
