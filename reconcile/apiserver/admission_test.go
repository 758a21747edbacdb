package apiserver

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// refused wants a Forbidden whose message ends so.
func refused(t *testing.T, what string, err error, message string) {
	t.Helper()
	if !apierrors.IsForbidden(err) || !strings.HasSuffix(err.Error(), message) {
		t.Errorf("%s: %v\nwant forbidden, ending %q", what, err, message)
	}
}

func TestPodsGetThePriorityOfTheirClass(t *testing.T) {
	t.Parallel()
	server, _ := startServer(t, Options{DataDir: t.TempDir()}) // its own: a default class would be that of all tests
	client := server.Client()
	pods := client.CoreV1().Pods("default")
	create := func(name, class string, change func(*corev1.PodSpec)) (*corev1.Pod, error) {
		p := pod(name)
		p.Spec.PriorityClassName = class
		if change != nil {
			change(&p.Spec)
		}
		return pods.Create(t.Context(), p, metav1.CreateOptions{})
	}
	expect := func(p *corev1.Pod, err error, class string, priority int32, policy corev1.PreemptionPolicy) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if p.Spec.PriorityClassName != class || *p.Spec.Priority != priority || *p.Spec.PreemptionPolicy != policy {
			t.Errorf("%s is of class %q, priority %d, %s; want %q, %d, %s", p.Name,
				p.Spec.PriorityClassName, *p.Spec.Priority, *p.Spec.PreemptionPolicy, class, priority, policy)
		}
	}
	p, err := create("plain", "", nil)
	expect(p, err, "", 0, corev1.PreemptLowerPriority)
	p, err = create("system", "system-node-critical", nil)
	expect(p, err, "system-node-critical", 2_000_001_000, corev1.PreemptLowerPriority)
	_, err = create("unknown", "x", nil)
	refused(t, "an unknown class", err, `pods "unknown" is forbidden: no PriorityClass with name x was found`)

	classes := client.SchedulingV1().PriorityClasses()
	class := func(name string, value int32, globalDefault bool) error {
		_, err := classes.Create(t.Context(), &schedulingv1.PriorityClass{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value, GlobalDefault: globalDefault, PreemptionPolicy: ptr.To(corev1.PreemptNever),
		}, metav1.CreateOptions{})
		return err
	}
	if err := class("high", 7, false); err != nil {
		t.Fatal(err)
	}
	p, err = create("important", "high", nil) // at once: the cache may not have it yet
	expect(p, err, "high", 7, corev1.PreemptNever)
	_, err = create("number", "high", func(s *corev1.PodSpec) { s.Priority = ptr.To[int32](8) })
	refused(t, "another number", err, "the integer value of priority (8) must not be provided in pod spec; priority admission controller computed 7 from the given PriorityClass name")
	_, err = create("policy", "high", func(s *corev1.PodSpec) { s.PreemptionPolicy = ptr.To(corev1.PreemptLowerPriority) })
	refused(t, "another policy", err, "the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec; priority admission controller computed Never from the given PriorityClass name")

	if err := class("usual", 3, true); err != nil {
		t.Fatal(err)
	}
	lister := server.Informers().Scheduling().V1().PriorityClasses().Lister()
	eventually(t, "the default is known", func() bool {
		classes, _ := lister.List(labels.Everything())
		return defaultClass(classes) != nil
	})
	p, err = create("default", "", nil)
	expect(p, err, "usual", 3, corev1.PreemptNever)
	refused(t, "a second default", class("another", 4, true), "PriorityClass usual is already marked as default. Only one default can exist")
	refused(t, "deletion of a system class", classes.Delete(t.Context(), "system-node-critical", metav1.DeleteOptions{}),
		`priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system priority class and cannot be deleted`)
	if err := classes.Delete(t.Context(), "high", metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
	_ = classes.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{})
	if _, err := classes.Get(t.Context(), "system-cluster-critical", metav1.GetOptions{}); err != nil {
		t.Errorf("a system class after the deletion of all: %v", err)
	}
}

func TestLimitRangesCompleteAndBoundPods(t *testing.T) {
	server := newSpace(t)
	limitRange := &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Name: "bounds"}, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
		Type: corev1.LimitTypeContainer,
		Max:  corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m")},
		Min:  corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")},
	}}}}
	if _, err := server.Client().CoreV1().LimitRanges(server.namespace).Create(t.Context(), limitRange, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	lister := server.Informers().Core().V1().LimitRanges().Lister()
	eventually(t, "the limits are known", func() bool {
		_, err := lister.LimitRanges(server.namespace).Get("bounds")
		return err == nil
	})
	for name, client := range map[string]kubernetes.Interface{"direct": server.Client(), "remote": kubernetes.NewForConfigOrDie(server.RESTConfig())} {
		pods := client.CoreV1().Pods(server.namespace)
		created, err := pods.Create(t.Context(), pod(name), metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if cpu := created.Spec.Containers[0].Resources.Limits.Cpu().String(); cpu != "500m" {
			t.Errorf("%s: limit of cpu %s, want 500m", name, cpu)
		}
		if got, want := created.Annotations["kubernetes.io/limit-ranger"], "LimitRanger plugin set: cpu request for container web; cpu limit for container web"; got != want {
			t.Errorf("%s: annotation %q, want %q", name, got, want)
		}
		if created.Status.QOSClass != corev1.PodQOSBurstable {
			t.Errorf("%s: quality of service %s", name, created.Status.QOSClass)
		}
		large := pod("large-" + name)
		large.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}
		_, err = pods.Create(t.Context(), large, metav1.CreateOptions{})
		refused(t, name, err, `pods "large-`+name+`" is forbidden: maximum cpu usage per Container is 500m, but limit is 1`)
	}
}
