package nodeaccess

import (
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
)

func labelled(name string, labels ...string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		n.Labels[key] = value
	}
	return n
}

func tainted(node *corev1.Node, key string) *corev1.Node {
	node.Spec.Taints = []corev1.Taint{{Key: key, Effect: corev1.TaintEffectNoSchedule}}
	return node
}

func ran(node string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", Labels: map[string]string{"app": "web"}, Annotations: map[string]string{AnnotationAdopted: "1"}},
		Spec:       corev1.PodSpec{NodeName: node},
	}
}

func edited[T runtime.Object](obj T, edit func(T)) T {
	edit(obj)
	return obj
}

func TestRestrict(t *testing.T) {
	request := &certificatesv1.CertificateSigningRequest{Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: certificatesv1.KubeAPIServerClientKubeletSignerName}}
	for name, c := range map[string]struct {
		obj, old    runtime.Object
		subresource string
		want        string
	}{
		"itself": {obj: labelled("raspi002", "type=AWS", "kubernetes.io/hostname=raspi002", "kubernetes.io/os=linux", "topology.kubernetes.io/zone=a",
			"node.kubernetes.io/instance-type=pi4", "foo.kubelet.kubernetes.io/x=y", "example.org/gpu=1")},
		"itself with a taint":  {obj: tainted(labelled("raspi002"), "dedicated")},
		"another node":         {obj: labelled("raspi003"), want: `is not allowed to modify node "raspi003"`},
		"a role":               {obj: labelled("raspi002", "node-role.kubernetes.io/control-plane="), want: "is not allowed to set labels: node-role.kubernetes.io/control-plane"},
		"restricted labels":    {obj: labelled("raspi002", "pci.node-restriction.kubernetes.io/ok=1", "a.k8s.io/x=1"), want: "is not allowed to set labels: a.k8s.io/x, pci.node-restriction.kubernetes.io/ok"},
		"a lookalike":          {obj: labelled("raspi002", "notkubernetes.io/x=1")},
		"an owner":             {obj: edited(labelled("raspi002"), func(n *corev1.Node) { n.OwnerReferences = []metav1.OwnerReference{{Name: "x"}} }), want: "is not allowed to set owner references"},
		"label changed":        {obj: labelled("raspi002", "type=GCP"), old: labelled("raspi002", "type=AWS")},
		"restriction kept":     {obj: labelled("raspi002", "node-restriction.kubernetes.io/x=1", "a=b"), old: labelled("raspi002", "node-restriction.kubernetes.io/x=1")},
		"restriction changed":  {obj: labelled("raspi002", "node-restriction.kubernetes.io/x=2"), old: labelled("raspi002", "node-restriction.kubernetes.io/x=1"), want: "is not allowed to modify labels: node-restriction.kubernetes.io/x"},
		"restriction dropped":  {obj: labelled("raspi002"), old: labelled("raspi002", "node-restriction.kubernetes.io/x=1"), want: "is not allowed to modify labels: node-restriction.kubernetes.io/x"},
		"taint taken away":     {obj: labelled("raspi002"), old: tainted(labelled("raspi002"), "unreachable"), want: "is not allowed to modify taints"},
		"status of another":    {obj: labelled("raspi003"), old: labelled("raspi003"), subresource: "status", want: `is not allowed to modify node "raspi003"`},
		"pod that ran":         {obj: ran("raspi002")},
		"pod of another node":  {obj: ran("raspi003"), want: `can only create pods with spec.nodeName set to itself (got "raspi003")`},
		"pod that never ran":   {obj: edited(ran("raspi002"), func(p *corev1.Pod) { p.Annotations = nil }), want: "can only create pods that it has been running"},
		"pod with an owner":    {obj: edited(ran("raspi002"), func(p *corev1.Pod) { p.OwnerReferences = []metav1.OwnerReference{{Name: "web"}} }), want: "can not create pods with an owner"},
		"pod's spec":           {obj: ran("raspi002"), old: ran("raspi002"), want: "can only update the status of a pod"},
		"pod's status":         {obj: ran("raspi002"), old: ran("raspi002"), subresource: "status"},
		"labels by the status": {obj: edited(ran("raspi002"), func(p *corev1.Pod) { p.Labels["app"] = "x" }), old: ran("raspi002"), subresource: "status", want: "cannot update labels through pod status"},
		"its lease":            {obj: &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-node-lease", Name: "raspi002"}}},
		"another's lease":      {obj: &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-node-lease", Name: "raspi003"}}, want: "with its own name"},
		"a namespace":          {obj: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"kubernetes.io/metadata.name": "shop"}}}},
		"a labelled namespace": {obj: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"x": "y"}}}, want: "without labels and annotations"},
		"its certificate":      {obj: request},
		"another's certificate": {obj: edited(request.DeepCopy(), func(r *certificatesv1.CertificateSigningRequest) {
			r.Spec.SignerName = "kubernetes.io/kube-apiserver-client"
		}), want: "can only request certificates of"},
		"an event": {obj: &corev1.Event{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Restrict("raspi002", c.obj, c.old, c.subresource)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTokensOfPodsOfTheNode(t *testing.T) {
	token := func(pod string, uid types.UID, audiences ...string) *authenticationv1.TokenRequest {
		return &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: audiences, BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod, UID: uid}}}
	}
	for name, c := range map[string]struct {
		caller user.Info
		token  *authenticationv1.TokenRequest
		want   string
	}{
		"its own":         {raspi, token("mine", "1"), ""},
		"another's":       {raspi, token("other", "1"), "scheduled on a different node"},
		"of none":         {raspi, token("gone", "1"), "scheduled on a different node"},
		"without an UID":  {raspi, token("mine", ""), "not bound to a pod"},
		"for an audience": {raspi, token("mine", "1", "vault"), ""},
		"for another":     {raspi, token("mine", "1", "bank"), `audience "bank" not found in pod spec volume`},
		"for two":         {raspi, token("mine", "1", "vault", "vault"), "node may only request 0 or 1 audiences"},
		"unbound":         {raspi, &authenticationv1.TokenRequest{}, "not bound to a pod"},
		"nameless node":   {&user.DefaultInfo{Name: "ada", Groups: raspi.Groups}, token("mine", "1"), `could not determine node from user "ada"`},
		"no node":         {&user.DefaultInfo{Name: "ada"}, &authenticationv1.TokenRequest{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := admission.NewAttributesRecord(c.token, nil, schema.GroupVersionKind{Kind: "TokenRequest"}, "default", "mine",
				schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}, "token", admission.Create, nil, false, c.caller)
			err := NewRestriction(world{}).Validate(t.Context(), a, nil)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
