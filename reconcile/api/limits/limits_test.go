package limits

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func from[T any](t *testing.T, text string) *T {
	t.Helper()
	obj := new(T)
	if err := yaml.UnmarshalStrict([]byte(text), obj); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return obj
}

func pod(t *testing.T, spec string) *corev1.Pod {
	return from[corev1.Pod](t, "spec: {"+spec+"}")
}

func limitRange(t *testing.T, items ...string) *corev1.LimitRange {
	return from[corev1.LimitRange](t, "spec: {limits: [{"+strings.Join(items, "}, {")+"}]}")
}

func TestCheckInTheWordsOfKubernetes(t *testing.T) {
	for name, test := range map[string]struct{ pod, limits, want string }{
		"within": {
			"containers: [{name: a, resources: {requests: {cpu: 100m}, limits: {cpu: 500m}}}]",
			`type: Container, min: {cpu: 100m}, max: {cpu: "0.5"}, maxLimitRequestRatio: {cpu: "5"}`, "",
		},
		"limit above maximum": {
			`containers: [{name: a, resources: {limits: {cpu: "1"}}}]`,
			"type: Container, max: {cpu: 500m}", "maximum cpu usage per Container is 500m, but limit is 1",
		},
		"request above maximum": {
			`containers: [{name: a, resources: {requests: {cpu: "1"}, limits: {cpu: 500m}}}]`,
			"type: Container, max: {cpu: 500m}", "maximum cpu usage per Container is 500m, but request is 1",
		},
		"no limit": {
			"containers: [{name: a}]",
			"type: Container, max: {memory: 1Gi}", "maximum memory usage per Container is 1Gi.  No limit is specified",
		},
		"request below minimum": {
			"containers: [{name: a, resources: {requests: {memory: 4Mi}}}]",
			"type: Container, min: {memory: 8Mi}", "minimum memory usage per Container is 8Mi, but request is 4Mi",
		},
		"limit below minimum": {
			"containers: [{name: a, resources: {requests: {memory: 8Mi}, limits: {memory: 4Mi}}}]",
			"type: Container, min: {memory: 8Mi}", "minimum memory usage per Container is 8Mi, but limit is 4Mi",
		},
		"no request": {
			"containers: [{name: a}]",
			"type: Container, min: {cpu: 10m}", "minimum cpu usage per Container is 10m.  No request is specified",
		},
		"ratio": {
			`containers: [{name: a, resources: {requests: {cpu: 250m}, limits: {cpu: "1"}}}]`,
			`type: Container, maxLimitRequestRatio: {cpu: "2"}`, "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000",
		},
		"ratio to nothing": {
			`containers: [{name: a, resources: {requests: {cpu: 0}, limits: {cpu: "1"}}}]`,
			`type: Container, maxLimitRequestRatio: {cpu: "2"}`, "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0",
		},
		"ratio of nothing": {
			"containers: [{name: a, resources: {requests: {cpu: 1m}}}]",
			`type: Container, maxLimitRequestRatio: {cpu: "2"}`, "cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0",
		},
		"several, init containers too": {
			`containers: [{name: a, resources: {limits: {cpu: "1", memory: 2Gi}}}], initContainers: [{name: i, resources: {limits: {cpu: "2", memory: 1Gi}}}]`,
			"type: Container, max: {memory: 1Gi, cpu: 500m}",
			"[maximum cpu usage per Container is 500m, but limit is 1, maximum memory usage per Container is 1Gi, but limit is 2Gi, maximum cpu usage per Container is 500m, but limit is 2]",
		},
		"the same twice is said once": {
			"containers: [{name: a}, {name: b}]",
			"type: Container, min: {cpu: 10m}", "minimum cpu usage per Container is 10m.  No request is specified",
		},
		"pod": {
			`containers: [{name: a, resources: {limits: {cpu: "1"}}}, {name: b, resources: {limits: {cpu: 600m}}}]`,
			"type: Pod, max: {cpu: 1500m}", "maximum cpu usage per Pod is 1500m, but limit is 1600m",
		},
		"pod of a large init container": {
			`containers: [{name: a, resources: {requests: {cpu: "1"}}}], initContainers: [{name: i, resources: {requests: {cpu: "3"}}}]`,
			`type: Pod, min: {cpu: "4"}`, "minimum cpu usage per Pod is 4, but request is 3",
		},
		"claims": {
			"containers: [{name: a}]", "type: PersistentVolumeClaim, min: {storage: 1Gi}", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := Check(pod(t, test.pod), limitRange(t, test.limits)); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestCompleteFillsWhatIsNotStated(t *testing.T) {
	p := pod(t, `containers: [{name: a}, {name: b, resources: {requests: {cpu: 1m}, limits: {cpu: 2m, memory: 3Mi}}}], initContainers: [{name: i, resources: {requests: {cpu: 4m, memory: 1Mi}, limits: {cpu: 4m}}}]`)
	l := limitRange(t, "type: Pod, max: {cpu: 10}", "type: Container, default: {cpu: 500m, memory: 64Mi}, defaultRequest: {memory: 32Mi, cpu: 100m}")
	Complete(p, l)
	want := "LimitRanger plugin set: cpu, memory request for container a; cpu, memory limit for container a; " +
		"memory request for container b; memory limit for init container i"
	if got := p.Annotations[Annotation]; got != want {
		t.Errorf("annotation\n%s\nwant\n%s", got, want)
	}
	a, b := p.Spec.Containers[0].Resources, p.Spec.Containers[1].Resources
	if a.Requests.Cpu().String() != "100m" || a.Limits.Memory().String() != "64Mi" {
		t.Errorf("a: %v", a)
	}
	if b.Requests.Cpu().String() != "1m" || b.Requests.Memory().String() != "32Mi" || b.Limits.Cpu().String() != "2m" {
		t.Errorf("b: %v", b)
	}
	a.Limits["cpu"] = b.Limits["cpu"]
	if l.Spec.Limits[1].Default.Cpu().String() != "500m" {
		t.Error("the Pod shares the LimitRange's memory")
	}
}

func TestCompleteLeavesAStatedPodAlone(t *testing.T) {
	p := pod(t, "containers: [{name: a, resources: {requests: {cpu: 1m}, limits: {cpu: 2m}}}]")
	before := p.DeepCopy()
	Complete(p, limitRange(t, "type: Container, default: {cpu: 500m}, defaultRequest: {cpu: 100m}"))
	Complete(p, limitRange(t, "type: Pod, max: {memory: 1Gi}"))
	if len(p.Annotations) != 0 || p.Spec.Containers[0].Resources.Limits.Cpu().Cmp(*before.Spec.Containers[0].Resources.Limits.Cpu()) != 0 {
		t.Errorf("changed to %v, %v", p.Annotations, p.Spec.Containers[0].Resources)
	}
}
