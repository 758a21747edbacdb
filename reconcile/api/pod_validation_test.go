package api

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

// podOf is a Pod of this spec, with defaults.
func podOf(t *testing.T, spec string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{Spec: *fromYAML[corev1.PodSpec](t, spec)}
	defaultPod(pod)
	return pod
}

// messages are the errors, one a line, as kubectl prints them.
func messages(errs field.ErrorList) string {
	var lines []string
	for _, err := range errs {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n")
}

// Each document of testdata/invalid_pods.yaml is a spec and the errors that it gives.
func TestInvalidPodsAreToldWhatIsWrong(t *testing.T) {
	type example struct {
		Name string         `json:"name"`
		Spec corev1.PodSpec `json:"spec"`
		// Container is the spec of the only container, but for its name and image; for examples that are about one.
		Container *corev1.Container `json:"container"`
		Errors    []string          `json:"errors"`
	}
	for _, document := range documents(t, "invalid_pods") {
		var e example
		if err := yaml.UnmarshalStrict([]byte(document), &e); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		t.Run(e.Name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: e.Spec}
			switch {
			case e.Container != nil:
				setDefault(&e.Container.Name, "a")
				setDefault(&e.Container.Image, "a:1")
				pod.Spec.Containers = []corev1.Container{*e.Container}
			case pod.Spec.Containers == nil:
				pod.Spec.Containers = []corev1.Container{{Name: "a", Image: "a:1"}}
			}
			defaultPod(pod)
			if diff := cmp.Diff(strings.Join(e.Errors, "\n"), messages(validatePod(pod))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAPodThatUsesAllThatIsCarriedOutIsValid(t *testing.T) {
	pod := podOf(t, strings.Join(documents(t, "full_pod"), ""))
	if errs := validatePod(pod); len(errs) > 0 {
		t.Error(messages(errs))
	}
	if warnings := podWarnings(pod); len(warnings) > 0 {
		t.Error(warnings)
	}
}

func TestOldAppArmorAnnotations(t *testing.T) {
	pod := podOf(t, "{containers: [{name: a, image: a:1}]}")
	pod.Annotations = map[string]string{
		"container.apparmor.security.beta.kubernetes.io/a": "unconfined",
		"container.apparmor.security.beta.kubernetes.io/b": "runtime/default",
	}
	want := "metadata.annotations[container.apparmor.security.beta.kubernetes.io/a]: Forbidden: " + appArmorReason
	if got := messages(validatePod(pod)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestUpdatesOfAPod(t *testing.T) {
	const spec = `
activeDeadlineSeconds: 60
containers: [{name: a, image: a:1}]
initContainers: [{name: i, image: i:1}]
tolerations: [{key: k, operator: Exists, effect: NoExecute, tolerationSeconds: 5}]
schedulingGates: [{name: example.com/a}, {name: example.com/b}]
`
	for name, test := range map[string]struct {
		from, to string // replaced in the spec
		want     string
	}{
		"same":                   {},
		"image":                  {from: "a:1", to: "a:2"},
		"image of init":          {from: "i:1", to: "i:2"},
		"deadline nearer":        {from: "60", to: "50"},
		"deadline further":       {from: "60", to: "70", want: "spec.activeDeadlineSeconds: Invalid value: 70: must be less than or equal to previous value"},
		"deadline gone":          {from: "activeDeadlineSeconds: 60", want: "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value"},
		"toleration added":       {from: "tolerations: [", to: "tolerations: [{operator: Exists}, "},
		"toleration for longer":  {from: "tolerationSeconds: 5", to: "tolerationSeconds: 9"},
		"toleration changed":     {from: "key: k", to: "key: l", want: "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"},
		"gate opened":            {from: "{name: example.com/a}, "},
		"gate added":             {from: "example.com/a", to: "example.com/c", want: "spec.schedulingGates: Forbidden: only deletion is allowed, but found new scheduling gate 'example.com/c'"},
		"container added":        {from: "containers: [{name: a", to: "containers: [{name: b, image: b:1}, {name: a", want: "spec.containers: Forbidden: pod updates may not add or remove containers"},
		"init container removed": {from: "{name: i, image: i:1}", want: "spec.initContainers: Forbidden: pod updates may not add or remove containers"},
		"renamed":                {from: "name: a", to: "name: b", want: "spec: Forbidden: " + podUpdateRule + "\nchanged: spec.containers[0].name"},
		"two others": {from: "i:1}]", to: "i:1, tty: true}]\nhostname: h",
			want: "spec: Forbidden: " + podUpdateRule + "\nchanged: spec.initContainers[0].tty, spec.hostname"},
	} {
		t.Run(name, func(t *testing.T) {
			old := podOf(t, spec)
			pod := podOf(t, strings.Replace(spec, test.from, test.to, 1))
			before := old.DeepCopy()
			if diff := cmp.Diff(test.want, messages(validatePodUpdate(pod, old))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(before, old); diff != "" {
				t.Errorf("validation changed the old Pod:\n%s", diff)
			}
		})
	}
}

func TestStatusUpdatesOfAPod(t *testing.T) {
	ended := func(code int32) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code}}
	}
	const back = "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"
	for name, test := range map[string]struct {
		policy corev1.RestartPolicy
		code   int32
		want   string
	}{
		"Always restarts success":      {corev1.RestartPolicyAlways, 0, ""},
		"OnFailure restarts failure":   {corev1.RestartPolicyOnFailure, 1, ""},
		"OnFailure lets success be":    {corev1.RestartPolicyOnFailure, 0, back},
		"Never lets even failure be":   {corev1.RestartPolicyNever, 1, back},
		"a wrong address is an error":  {corev1.RestartPolicyAlways, 2, "status.podIPs[0].ip: Invalid value: \"nowhere\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
		"the class stays what it was":  {corev1.RestartPolicyAlways, 3, "status.qosClass: Invalid value: \"Guaranteed\": field is immutable"},
		"the nominated node is a name": {corev1.RestartPolicyAlways, 4, "status.nominatedNodeName: Invalid value: \"N 1\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"},
	} {
		t.Run(name, func(t *testing.T) {
			old := &corev1.Pod{Spec: corev1.PodSpec{RestartPolicy: test.policy}, Status: corev1.PodStatus{QOSClass: corev1.PodQOSBurstable,
				ContainerStatuses: []corev1.ContainerStatus{{Name: "a", State: ended(test.code)}}}}
			pod := old.DeepCopy()
			pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
			switch test.code {
			case 2:
				pod.Status.PodIPs = []corev1.PodIP{{IP: "nowhere"}}
			case 3:
				pod.Status.QOSClass = corev1.PodQOSGuaranteed
			case 4:
				pod.Status.NominatedNodeName = "N 1"
			}
			if diff := cmp.Diff(test.want, messages(validatePodStatusUpdate(pod, old))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
