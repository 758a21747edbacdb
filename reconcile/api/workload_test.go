package api

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

// What Deployments, ReplicaSets and ReplicationControllers have in common is tested for all three.

const deploymentText = `
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, tier: front}}
    spec: {containers: [{name: web, image: "web:v1"}]}
`

// workloads are the three kinds, each with a valid object as a user writes it.
func workloads() []struct {
	kind Kind
	text string
} {
	return []struct {
		kind Kind
		text string
	}{
		{deployment.Erase(), deploymentText},
		{replicaSet.Erase(), deploymentText},
		{replicationController.Erase(), strings.Replace(deploymentText, "{matchLabels: {app: web}}", "{app: web}", 1)},
	}
}

// read is the object of that text, with its defaults; each pair of replacements changes the text before.
func read(t *testing.T, kind Kind, text string, replacements ...string) runtime.Object {
	t.Helper()
	obj := kind.New()
	if err := yaml.UnmarshalStrict([]byte(strings.NewReplacer(replacements...).Replace(text)), obj); err != nil {
		t.Fatal(err)
	}
	kind.Default(obj)
	return obj
}

func TestInvalidWorkloads(t *testing.T) {
	for _, w := range workloads() {
		for name, test := range map[string]struct {
			replace []string
			want    string
		}{
			"valid":            {},
			"negative":         {[]string{"replicas: 3", "replicas: -3\n  minReadySeconds: -1"}, "spec.replicas: Invalid value: -3: must be greater than or equal to 0\nspec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"},
			"other labels":     {[]string{"app: web, tier", "app: shop, tier"}, "spec.template.metadata.labels: Invalid value: {\"app\":\"shop\",\"tier\":\"front\"}: `selector` does not match template `labels`"},
			"not for ever":     {[]string{"containers:", "restartPolicy: Never, containers:"}, `spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"`},
			"with a deadline":  {[]string{"containers:", "activeDeadlineSeconds: 5, containers:"}, "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in " + w.kind.Kind + " is not Supported"},
			"without an image": {[]string{`, image: "web:v1"`, ""}, "spec.template.spec.containers[0].image: Required value"},
			"refused field":    {[]string{"containers:", "hostPID: true, containers:"}, "spec.template.spec.hostPID: Forbidden: " + exceptions["PodSpec.hostPID"].reason},
			"wrong labels":     {[]string{"tier: front", "tier: a b"}, "spec.template.metadata.labels: Invalid value: \"a b\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"},
			"host port unset":  {[]string{"containers:", "hostNetwork: true, containers:", "image:", "ports: [{containerPort: 80}], image:"}, ""},
			"host port other":  {[]string{"containers:", "hostNetwork: true, containers:", "image:", "ports: [{containerPort: 80, hostPort: 81}], image:"}, "spec.template.spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"},
		} {
			t.Run(w.kind.Kind+" "+name, func(t *testing.T) {
				got := messages(w.kind.Validate(read(t, w.kind, w.text, test.replace...)))
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	}
}

func TestInvalidSelectors(t *testing.T) {
	for name, test := range map[string]struct{ selector, want string }{
		"none":    {"", "spec.selector: Required value"},
		"empty":   {"{}", "spec.selector: Invalid value: {}: empty selector is invalid for deployment"},
		"invalid": {"{matchExpressions: [{key: app, operator: Near}]}", `spec.selector.matchExpressions[0].operator: Invalid value: "Near": not a valid selector operator`},
	} {
		d := read(t, deployment.Erase(), deploymentText, "{matchLabels: {app: web}}", test.selector)
		if got := messages(validateDeployment(d.(*appsv1.Deployment))); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
	for name, test := range map[string]struct{ template, want string }{
		"no template": {"  template:\n    metadata: {labels: {app: web, tier: front}}\n    spec: {containers: [{name: web, image: \"web:v1\"}]}\n", "spec.selector: Required value\nspec.template: Required value"},
		"no labels":   {"labels: {app: web, tier: front}", "spec.selector: Required value"},
	} {
		rc := read(t, replicationController.Erase(), deploymentText, "  selector: {matchLabels: {app: web}}\n", "", test.template, "")
		if got := messages(validateReplicationController(rc.(*corev1.ReplicationController))); got != test.want {
			t.Errorf("ReplicationController, %s: got %s, want %s", name, got, test.want)
		}
	}
}

func TestInvalidDeployments(t *testing.T) {
	for name, test := range map[string]struct{ spec, want string }{
		"recreate":               {"strategy: {type: Recreate}", ""},
		"recreate, rolling":      {"strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}", "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"},
		"unknown strategy":       {"strategy: {type: Blue}", `spec.strategy.type: Unsupported value: "Blue": supported values: "Recreate", "RollingUpdate"`},
		"nothing may move":       {"strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0%}}", "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when `maxSurge` is 0"},
		"more than all":          {"strategy: {rollingUpdate: {maxUnavailable: 101%}}", `spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%`},
		"more than all in digit": {"strategy: {rollingUpdate: {maxUnavailable: 99999999999999999999%}}", `spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "99999999999999999999%": must not be greater than 100%`},
		"surge may double":       {"strategy: {rollingUpdate: {maxSurge: 200%}}", ""},
		"not numbers":            {"strategy: {rollingUpdate: {maxSurge: few, maxUnavailable: -1}}", "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: -1: must be greater than or equal to 0\nspec.strategy.rollingUpdate.maxSurge: Invalid value: \"few\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"},
		"deadline too near":      {"progressDeadlineSeconds: 10\n  minReadySeconds: 10", "spec.progressDeadlineSeconds: Invalid value: 10: must be greater than minReadySeconds"},
		"negative history":       {"revisionHistoryLimit: -1", "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0"},
	} {
		d := read(t, deployment.Erase(), deploymentText, "replicas: 3", test.spec)
		if got := messages(validateDeployment(d.(*appsv1.Deployment))); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

func TestSelectorsAreForLife(t *testing.T) {
	for _, w := range workloads()[:2] {
		old, changed := read(t, w.kind, w.text), read(t, w.kind, w.text, "matchLabels: {app: web}", "matchLabels: {tier: front}")
		if got := messages(w.kind.ValidateUpdate(changed, old)); !strings.HasPrefix(got, "spec.selector: Invalid value: ") || !strings.HasSuffix(got, ": field is immutable") {
			t.Errorf("%s: %s", w.kind.Kind, got)
		}
		other := read(t, w.kind, w.text, "web:v1", "web:v2")
		if got := messages(w.kind.ValidateUpdate(other, old)); got != "" {
			t.Errorf("%s: another template: %s", w.kind.Kind, got)
		}
	}
}

func TestDefaultsOfWorkloads(t *testing.T) {
	for _, w := range workloads() {
		obj := read(t, w.kind, w.text, "  replicas: 3\n", "", "  selector: {app: web}\n", "", ", labels: {app: web}", "")
		golden(t, w.kind.Singular+"_defaults", toYAML(t, obj))
	}
}

func TestWorkloadsCountGenerations(t *testing.T) {
	for _, w := range workloads() {
		old := read(t, w.kind, w.text)
		meta := func(obj runtime.Object) metav1.Object { return obj.(metav1.Object) }
		meta(old).SetGeneration(9)
		w.kind.PrepareForCreate(old)
		if got := meta(old).GetGeneration(); got != 1 {
			t.Errorf("%s: created with generation %d, want 1", w.kind.Kind, got)
		}
		annotated := map[bool]int64{true: 2, false: 1}[w.kind.Kind == "Deployment"]
		for name, test := range map[string]struct {
			change func(runtime.Object)
			want   int64
		}{
			"nothing":     {func(runtime.Object) {}, 1},
			"labels":      {func(obj runtime.Object) { meta(obj).SetLabels(nil) }, 1},
			"annotations": {func(obj runtime.Object) { meta(obj).SetAnnotations(map[string]string{"a": "b"}) }, annotated},
			"replicas":    {func(obj runtime.Object) { w.kind.SetReplicas(obj, 7) }, 2},
		} {
			obj := old.DeepCopyObject()
			test.change(obj)
			meta(obj).SetGeneration(44)
			w.kind.PrepareForUpdate(obj, old)
			if got := meta(obj).GetGeneration(); got != test.want {
				t.Errorf("%s, %s changed: generation %d, want %d", w.kind.Kind, name, got, test.want)
			}
		}
	}
}

// A spec is written without its status, and a status without its spec.
func TestWorkloadsKeepSpecAndStatusApart(t *testing.T) {
	for _, w := range workloads() {
		old := read(t, w.kind, w.text+"status: {replicas: 3}\n")
		changed := read(t, w.kind, w.text+"status: {replicas: 1}\n", "replicas: 3", "replicas: 5")
		spec, status, created := changed.DeepCopyObject(), changed.DeepCopyObject(), changed.DeepCopyObject()
		w.kind.PrepareForUpdate(spec, old)
		w.kind.PrepareForStatusUpdate(status, old)
		w.kind.PrepareForCreate(created)
		for name, got := range map[string]struct {
			obj             runtime.Object
			desired, actual int32
		}{"update": {spec, 5, 3}, "status update": {status, 3, 1}, "create": {created, 5, 0}} {
			scale := w.kind.Scale(got.obj)
			if scale.Spec.Replicas != got.desired || scale.Status.Replicas != got.actual {
				t.Errorf("%s, %s: spec %d, status %d; want %d, %d", w.kind.Kind, name, scale.Spec.Replicas, scale.Status.Replicas, got.desired, got.actual)
			}
		}
	}
}

func TestScaleOfWorkloads(t *testing.T) {
	for _, w := range workloads() {
		obj := read(t, w.kind, w.text+"status: {replicas: 2}\n", "name: web, labels", "name: web, namespace: shop, uid: u, resourceVersion: \"7\", labels")
		w.kind.SetReplicas(obj, 5)
		want := scaleOf(metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "u", ResourceVersion: "7"}, ptr.To[int32](5), 2, "app=web")
		if diff := cmp.Diff(want, w.kind.Scale(obj)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", w.kind.Kind, diff)
		}
	}
}

func TestInvalidStatusOfWorkloads(t *testing.T) {
	for _, w := range workloads() {
		old := read(t, w.kind, w.text)
		bad := read(t, w.kind, w.text+"status: {replicas: 2, readyReplicas: 1, availableReplicas: 3, observedGeneration: -1}\n")
		want := `status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas
status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas
status.observedGeneration: Invalid value: -1: must be greater than or equal to 0`
		if diff := cmp.Diff(want, messages(w.kind.ValidateStatusUpdate(bad, old))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", w.kind.Kind, diff)
		}
	}
	negative := &appsv1.Deployment{Status: appsv1.DeploymentStatus{UnavailableReplicas: -1}}
	if got, want := messages(validateDeploymentStatusUpdate(negative, negative)), "status.unavailableReplicas: Invalid value: -1: must be greater than or equal to 0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	old := &appsv1.Deployment{Status: appsv1.DeploymentStatus{CollisionCount: ptr.To[int32](2)}}
	for name, test := range map[string]struct {
		count *int32
		want  string
	}{
		"same":  {ptr.To[int32](2), ""},
		"more":  {ptr.To[int32](3), ""},
		"fewer": {ptr.To[int32](1), "status.collisionCount: Invalid value: 1: cannot be decremented"},
		"none":  {nil, "status.collisionCount: Required value: cannot be removed once set"},
	} {
		d := &appsv1.Deployment{Status: appsv1.DeploymentStatus{CollisionCount: test.count}}
		if got := messages(validateDeploymentStatusUpdate(d, old)); got != test.want {
			t.Errorf("collision count, %s: got %s, want %s", name, got, test.want)
		}
	}
}

func TestWarningsOfWorkloads(t *testing.T) {
	for _, w := range workloads() {
		obj := read(t, w.kind, w.text, "name: web, labels", "name: a.b, labels", "containers:", "subdomain: db, containers:")
		want := []string{"spec.template.spec.subdomain: " + exceptions["PodSpec.subdomain"].reason}
		if w.kind.Kind == "Deployment" {
			want = append([]string{"metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]"}, want...)
		}
		if diff := cmp.Diff(want, w.kind.Warnings(obj)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", w.kind.Kind, diff)
		}
	}
}

func TestFieldsOfReplicaSetsThatSelectorsMatch(t *testing.T) {
	for _, w := range workloads()[1:] {
		obj := read(t, w.kind, w.text+"status: {replicas: 2}\n")
		if got := w.kind.Fields(obj).Get("status.replicas"); got != "2" {
			t.Errorf("%s: status.replicas is %q, want 2", w.kind.Kind, got)
		}
	}
}
