package bootstraptokens

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	bootstrapapi "k8s.io/cluster-bootstrap/token/api"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/controller"
)

// Controller removes expired tokens.
type Controller struct {
	client  kubernetes.Interface
	clock   clock.PassiveClock
	log     zerolog.Logger
	secrets corelisters.SecretNamespaceLister
	loop    *controller.Loop[string]
}

// New makes the controller. It starts nothing.
func New(options controller.Options) *Controller {
	secrets := options.Informers.Core().V1().Secrets()
	c := &Controller{
		client: options.Client, clock: options.Clock, log: options.Logger.With().Str("controller", "bootstraptokens").Logger(),
		secrets: secrets.Lister().Secrets(metav1.NamespaceSystem),
	}
	c.loop = controller.NewLoop("bootstraptokens", options, c.reconcile)
	seen := func(secret *corev1.Secret) {
		if secret.Namespace == metav1.NamespaceSystem && secret.Type == bootstrapapi.SecretTypeBootstrapToken {
			c.loop.Add(secret.Name)
		}
	}
	c.loop.Watch(secrets.Informer(), controller.Handler[*corev1.Secret]{Added: seen, Updated: func(_, secret *corev1.Secret) { seen(secret) }})
	return c
}

// Run removes expired tokens until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) error { return c.loop.Run(ctx, workers) }

func (c *Controller) reconcile(ctx context.Context, name string) (time.Duration, error) {
	secret, err := c.secrets.Get(name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("get token: %w", err)
	}
	remove, after := PlanToken(secret, c.clock.Now())
	if !remove {
		return after, nil
	}
	preconditions := &metav1.Preconditions{UID: &secret.UID, ResourceVersion: &secret.ResourceVersion}
	err = c.client.CoreV1().Secrets(secret.Namespace).Delete(ctx, name, metav1.DeleteOptions{Preconditions: preconditions})
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("delete expired token: %w", err)
	}
	c.log.Info().Str("token", string(secret.Data[bootstrapapi.BootstrapTokenIDKey])).Msg("expired token removed")
	return 0, nil
}
