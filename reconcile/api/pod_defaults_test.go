package api

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func fromYAML[T any](t *testing.T, text string) *T {
	t.Helper()
	obj := new(T)
	if err := yaml.UnmarshalStrict([]byte(text), obj); err != nil {
		t.Fatal(err)
	}
	return obj
}

func toYAML(t *testing.T, obj any) string {
	t.Helper()
	text, err := yaml.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDefaultsOfAPod(t *testing.T) {
	got := fromYAML[corev1.Pod](t, `
spec:
  serviceAccount: robot
  hostNetwork: true
  initContainers:
  - {name: init, image: "registry:5000/tool"}
  containers:
  - name: web
    image: nginx:1.29
    ports: [{containerPort: 80}]
    resources: {limits: {cpu: 1500u, memory: 64Mi}, requests: {memory: 32Mi}}
    env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
    livenessProbe: {httpGet: {port: 80}}
    lifecycle: {preStop: {httpGet: {port: 80}}}
  volumes:
  - name: none
  - {name: host, hostPath: {path: /srv}}
  - {name: config, configMap: {name: c}}
  - {name: secret, secret: {secretName: s}}
  - {name: down, downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}}
  - {name: all, projected: {sources: [{downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}}, {serviceAccountToken: {path: token}}]}}
`)
	defaultPod(got)
	golden(t, "pod_defaults", toYAML(t, got))
}

// What is a Pod's own default must not appear in a template, where it would change the template's hash.
func TestDefaultsOfATemplate(t *testing.T) {
	got := fromYAML[corev1.PodTemplateSpec](t, `
spec:
  hostNetwork: true
  containers:
  - {name: web, image: nginx, ports: [{containerPort: 80}], resources: {limits: {cpu: 1}}}
`)
	defaultPodSpec(&got.Spec)
	golden(t, "template_defaults", toYAML(t, got))
}

func TestPullPolicyFollowsTheTag(t *testing.T) {
	digest := "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for image, want := range map[string]corev1.PullPolicy{
		"web": corev1.PullAlways, "web:latest": corev1.PullAlways, "web:1": corev1.PullIfNotPresent,
		"registry:5000/web": corev1.PullAlways, "registry:5000/web:1": corev1.PullIfNotPresent,
		"web" + digest: corev1.PullIfNotPresent, "web:1" + digest: corev1.PullIfNotPresent,
		"registry:5000/web:latest" + digest: corev1.PullAlways, "": corev1.PullIfNotPresent,
	} {
		if got := pullPolicyOf(image); got != want {
			t.Errorf("%q: %s, want %s", image, got, want)
		}
	}
}

func TestWhatIsSetIsKept(t *testing.T) {
	text := `
spec:
  automountServiceAccountToken: false
  containers:
  - image: web
    imagePullPolicy: Never
    name: web
    ports:
    - containerPort: 53
      hostPort: 5353
      protocol: UDP
    readinessProbe:
      failureThreshold: 1
      httpGet: {path: /ready, port: 1, scheme: HTTPS}
      periodSeconds: 2
      successThreshold: 3
      timeoutSeconds: 4
    resources: {limits: {cpu: "2"}, requests: {cpu: "1"}}
    terminationMessagePath: /end
    terminationMessagePolicy: FallbackToLogsOnError
  dnsPolicy: Default
  enableServiceLinks: false
  restartPolicy: Never
  schedulerName: mine
  securityContext: {runAsUser: 1000}
  serviceAccount: robot
  serviceAccountName: robot
  terminationGracePeriodSeconds: 0
  volumes:
  - {name: host, hostPath: {path: /srv, type: Directory}}
  - {name: config, configMap: {name: c, defaultMode: 0400}}
`
	want, got := fromYAML[corev1.Pod](t, text), fromYAML[corev1.Pod](t, text)
	defaultPod(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults changed what was set (-want +got):\n%s", diff)
	}
}
