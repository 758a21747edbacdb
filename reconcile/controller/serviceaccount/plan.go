package serviceaccount

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What each namespace has.
const (
	AccountName = "default"
	RootCAName  = "kube-root-ca.crt"
	rootCAKey   = "ca.crt"

	descriptionKey = "kubernetes.io/description"
	description    = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the " +
		"internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."
)

// Plan is what to write in a namespace; nil is nothing.
type Plan struct {
	CreateAccount *corev1.ServiceAccount
	CreateRootCA  *corev1.ConfigMap
	UpdateRootCA  *corev1.ConfigMap
}

// PlanNamespace compares what a namespace has, nil for what it has not, with what it should. A ServiceAccount is only made, not
// changed: what people add to it is theirs. A namespace that is being deleted gets nothing.
func PlanNamespace(namespace *corev1.Namespace, account *corev1.ServiceAccount, rootCA *corev1.ConfigMap, ca string) Plan {
	if namespace.DeletionTimestamp != nil || namespace.Status.Phase == corev1.NamespaceTerminating {
		return Plan{}
	}
	var plan Plan
	if account == nil {
		plan.CreateAccount = &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: AccountName}}
	}
	data := map[string]string{rootCAKey: ca}
	switch {
	case rootCA == nil:
		plan.CreateRootCA = &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace.Name, Name: RootCAName, Annotations: map[string]string{descriptionKey: description},
			},
			Data: data,
		}
	case !maps.Equal(rootCA.Data, data) || len(rootCA.BinaryData) > 0:
		plan.UpdateRootCA = rootCA.DeepCopy()
		plan.UpdateRootCA.Data, plan.UpdateRootCA.BinaryData = data, nil
		metav1.SetMetaDataAnnotation(&plan.UpdateRootCA.ObjectMeta, descriptionKey, description)
	}
	return plan
}
