package nodeaccess

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

func local(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }

// naming is a spec that names objects in every way there is.
func naming() corev1.PodSpec {
	env := func(name string) []corev1.EnvVar {
		return []corev1.EnvVar{{Name: "PLAIN", Value: "x"},
			{Name: "S", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: local(name + "-env")}}},
			{Name: "C", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: local(name + "-env")}}}}
	}
	return corev1.PodSpec{
		NodeName: "raspi002", ServiceAccountName: "account", ImagePullSecrets: []corev1.LocalObjectReference{local("pull")},
		InitContainers: []corev1.Container{{Env: env("init")}},
		Containers: []corev1.Container{{EnvFrom: []corev1.EnvFromSource{
			{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: local("from")}},
			{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: local("from")}}}}},
		EphemeralContainers: []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Env: env("debug")}}},
		Volumes: []corev1.Volume{
			{VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "volume"}}},
			{VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: local("volume")}}},
			{VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "claim"}}},
			{VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
				{Secret: &corev1.SecretProjection{LocalObjectReference: local("projected")}},
				{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: local("projected")}}}}}},
		},
	}
}

func lookup(t *testing.T, objects ...runtime.Object) *Pods {
	t.Helper()
	client := fake.NewClientset(objects...)
	factory := informers.NewSharedInformerFactory(client, 0)
	pods, err := NewPods(client, factory)
	if err != nil {
		t.Fatal(err)
	}
	factory.Start(t.Context().Done())
	factory.WaitForCacheSync(t.Context().Done())
	return pods
}

func names(t *testing.T, pods *Pods, node string, object Reference) bool {
	t.Helper()
	found, err := pods.Names(t.Context(), node, object)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestWhatAPodNames(t *testing.T) {
	pods := lookup(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"}, Spec: naming()})
	for kind, objects := range map[Kind][]string{
		Secret:                {"pull", "init-env", "from", "debug-env", "volume", "projected"},
		ConfigMap:             {"init-env", "from", "debug-env", "volume", "projected"},
		ServiceAccount:        {"account"},
		PersistentVolumeClaim: {"claim"},
	} {
		for _, object := range objects {
			if !names(t, pods, "raspi002", Reference{kind, "default", object}) {
				t.Errorf("%s %s is not found", kind, object)
			}
			for what, other := range map[string]Reference{"another namespace": {kind, "shop", object}, "another name": {kind, "default", object + "x"}} {
				if names(t, pods, "raspi002", other) {
					t.Errorf("%s %s of %s is found", kind, object, what)
				}
			}
			if names(t, pods, "raspi003", Reference{kind, "default", object}) {
				t.Errorf("%s %s is found for another node", kind, object)
			}
		}
	}
	if names(t, pods, "raspi002", Reference{ConfigMap, "default", "pull"}) || names(t, pods, "raspi002", Reference{Secret, "default", "claim"}) {
		t.Error("a name of one kind is taken for one of another")
	}
}

// TestAdoptedPodsNameWhatTheirControllerNames: or a node could read any Secret by a Pod that it makes.
func TestAdoptedPodsNameWhatTheirControllerNames(t *testing.T) {
	yes := true
	set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", UID: "1"}}
	set.Spec.Template.Spec = corev1.PodSpec{ImagePullSecrets: []corev1.LocalObjectReference{local("pull")}}
	adopted := func(owners ...metav1.OwnerReference) *corev1.Pod {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-x", Namespace: "default", Annotations: map[string]string{AnnotationAdopted: "2"}, OwnerReferences: owners}, Spec: naming()}
		pod.Spec.ServiceAccountName = "default"
		return pod
	}
	owner := metav1.OwnerReference{Kind: "ReplicaSet", Name: "web", UID: "1", Controller: &yes}
	replaced := owner
	replaced.UID = "3"
	for name, c := range map[string]struct {
		pod           *corev1.Pod
		named, others bool
	}{
		"owned":            {adopted(owner), true, false},
		"bare":             {adopted(), false, false},
		"of another owner": {adopted(replaced), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			pods := lookup(t, set, c.pod)
			if got := names(t, pods, "raspi002", Reference{Secret, "default", "pull"}); got != c.named {
				t.Errorf("what the template names too: %v", got)
			}
			if got := names(t, pods, "raspi002", Reference{ServiceAccount, "default", "default"}); got != c.named {
				t.Errorf("the account of a template that names none: %v", got)
			}
			if got := names(t, pods, "raspi002", Reference{Secret, "default", "volume"}); got != c.others {
				t.Errorf("what only the Pod names: %v", got)
			}
		})
	}
}

// TestPodsThatInformersDoNotShow: what the API has counts.
func TestPodsThatInformersDoNotShow(t *testing.T) {
	client := fake.NewClientset(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"}, Spec: naming()})
	pods, err := NewPods(client, informers.NewSharedInformerFactory(client, 0)) // never started
	if err != nil {
		t.Fatal(err)
	}
	if !names(t, pods, "raspi002", Reference{Secret, "default", "pull"}) {
		t.Error("the Secret of a new Pod is not found")
	}
	for node, want := range map[string]bool{"raspi002": true, "raspi003": false} {
		if bound, exists, err := pods.PodOn(t.Context(), node, "default", "web"); bound != want || !exists || err != nil {
			t.Errorf("on %s: bound %v, exists %v, error %v", node, bound, exists, err)
		}
	}
	if _, exists, err := pods.PodOn(t.Context(), "raspi002", "default", "gone"); exists || err != nil {
		t.Errorf("exists %v, error %v", exists, err)
	}
}

func TestForWhomATokenIs(t *testing.T) {
	asking := func(name string, audiences ...string) *corev1.Pod {
		projected := &corev1.ProjectedVolumeSource{}
		for _, audience := range audiences {
			projected.Sources = append(projected.Sources, corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: audience}})
		}
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}, Spec: corev1.PodSpec{
			NodeName: "raspi002", Volumes: []corev1.Volume{{VolumeSource: corev1.VolumeSource{Projected: projected}}},
		}}
	}
	made := asking("made", "", "vault") // by the node itself
	made.Annotations = map[string]string{AnnotationAdopted: "1"}
	pods := lookup(t, asking("api", ""), asking("vault", "vault"), asking("both", "", "vault"), asking("none"), made)
	for _, c := range []struct {
		node, pod, namespace, audience string
		want                           bool
	}{
		{"raspi002", "api", "default", "", true},
		{"raspi002", "api", "default", "vault", false},
		{"raspi002", "vault", "default", "vault", true},
		{"raspi002", "vault", "default", "", false},
		{"raspi002", "both", "default", "", true},
		{"raspi002", "both", "default", "vault", true},
		{"raspi002", "none", "default", "", false},
		{"raspi002", "made", "default", "vault", false},
		{"raspi002", "gone", "default", "", false},
		{"raspi002", "api", "shop", "", false},
		{"raspi003", "api", "default", "", false},
	} {
		got, err := pods.PodNames(t.Context(), c.node, c.pod, Reference{Audience, c.namespace, c.audience})
		if err != nil || got != c.want {
			t.Errorf("%+v: %v, %v", c, got, err)
		}
	}
}
