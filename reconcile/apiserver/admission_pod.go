package apiserver

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// serviceAccounts gives each new Pod its service account, and refuses one that does not exist.
type serviceAccounts struct {
	*admission.Handler
	client kubernetes.Interface
	lister corelisters.ServiceAccountLister
}

var _ admission.MutationInterface = &serviceAccounts{}

func newServiceAccountAdmission(client kubernetes.Interface, factory informers.SharedInformerFactory) *serviceAccounts {
	informer := factory.Core().V1().ServiceAccounts()
	plugin := &serviceAccounts{Handler: admission.NewHandler(admission.Create), client: client, lister: informer.Lister()}
	plugin.SetReadyFunc(informer.Informer().HasSynced)
	return plugin
}

// Admit implements admission.MutationInterface.
func (s *serviceAccounts) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	pod, ok := a.GetObject().(*corev1.Pod)
	if !ok || a.GetSubresource() != "" {
		return nil
	}
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = "default"
	}
	pod.Spec.DeprecatedServiceAccount = pod.Spec.ServiceAccountName
	// A namespace's "default" is made moments after the namespace; a Pod that comes between need not fail for it.
	if pod.Spec.ServiceAccountName == "default" {
		if account, err := s.lister.ServiceAccounts(a.GetNamespace()).Get("default"); err == nil {
			givePullSecrets(pod, account)
		}
		return nil
	}
	if !s.WaitForReady() {
		return admission.NewForbidden(a, fmt.Errorf("not yet ready to handle request"))
	}
	account, err := s.lister.ServiceAccounts(a.GetNamespace()).Get(pod.Spec.ServiceAccountName)
	if apierrors.IsNotFound(err) { // the cache may be behind
		account, err = s.client.CoreV1().ServiceAccounts(a.GetNamespace()).Get(ctx, pod.Spec.ServiceAccountName, metav1.GetOptions{})
	}
	if apierrors.IsNotFound(err) { // upstream names it in the singular here
		err = apierrors.NewNotFound(corev1.Resource("serviceaccount"), pod.Spec.ServiceAccountName)
	}
	if err != nil {
		return admission.NewForbidden(a, fmt.Errorf("error looking up service account %s/%s: %w", a.GetNamespace(), pod.Spec.ServiceAccountName, err))
	}
	givePullSecrets(pod, account)
	return nil
}

// givePullSecrets has a Pod that names no Secrets for its images use those of its service account.
func givePullSecrets(pod *corev1.Pod, account *corev1.ServiceAccount) {
	if len(pod.Spec.ImagePullSecrets) == 0 {
		pod.Spec.ImagePullSecrets = slices.Clone(account.ImagePullSecrets)
	}
}

// tolerations has each new Pod stay on a lost node for a while, unless it says otherwise.
type tolerations struct {
	*admission.Handler
	loss LossSeconds
}

var _ admission.MutationInterface = tolerations{}

// DefaultLossSeconds is upstream's.
const DefaultLossSeconds = 300

// LossSeconds are for how long a Pod stays on a node that is lost, if it does not say so itself.
type LossSeconds struct{ NotReady, Unreachable int64 }

func newTolerationAdmission(loss *LossSeconds) tolerations {
	if loss == nil {
		loss = &LossSeconds{NotReady: DefaultLossSeconds, Unreachable: DefaultLossSeconds}
	}
	return tolerations{admission.NewHandler(admission.Create), *loss}
}

// Admit implements admission.MutationInterface.
func (t tolerations) Admit(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	pod, ok := a.GetObject().(*corev1.Pod)
	if !ok || a.GetSubresource() != "" {
		return nil
	}
	for _, taint := range []struct {
		key     string
		seconds int64
	}{{corev1.TaintNodeNotReady, t.loss.NotReady}, {corev1.TaintNodeUnreachable, t.loss.Unreachable}} {
		if !toleratesLoss(pod, taint.key) {
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{
				Key: taint.key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &taint.seconds,
			})
		}
	}
	return nil
}

func toleratesLoss(pod *corev1.Pod, key string) bool {
	for _, toleration := range pod.Spec.Tolerations {
		if (toleration.Key == key || toleration.Key == "") && (toleration.Effect == corev1.TaintEffectNoExecute || toleration.Effect == "") {
			return true
		}
	}
	return false
}
