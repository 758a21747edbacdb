package certificates

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	certificateslisters "k8s.io/client-go/listers/certificates/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/controller"
)

// DefaultLifetime is that of certificates for which no shorter one is asked.
const DefaultLifetime = 365 * 24 * time.Hour

// Options of the controller. All fields must be set.
type Options struct {
	controller.Options
	Authority Authority
	// GracePeriod is how long a node may be silent and still have its name.
	GracePeriod time.Duration
}

// Controller answers requests. Run it with one worker: two machines that ask for one name at once are then told apart.
type Controller struct {
	client    kubernetes.Interface
	clock     clock.PassiveClock
	log       zerolog.Logger
	authority Authority
	rules     Rules
	requests  certificateslisters.CertificateSigningRequestLister
	nodes     corelisters.NodeLister
	loop      *controller.Loop[string]
	heard     heard
	approved  map[string]Given // by node: what the lister may not show yet
}

// New makes the controller. It starts nothing.
func New(options Options) *Controller {
	requests, core := options.Informers.Certificates().V1().CertificateSigningRequests(), options.Informers.Core().V1()
	c := &Controller{
		client: options.Client, clock: options.Clock, log: options.Logger.With().Str("controller", "certificates").Logger(),
		authority: options.Authority, rules: Rules{Grace: options.GracePeriod, Lifetime: DefaultLifetime},
		requests: requests.Lister(), nodes: core.Nodes().Lister(),
		heard: heard{since: options.Clock.Now(), beats: map[string]beat{}}, approved: map[string]Given{},
	}
	c.loop = controller.NewLoop("certificates", options.Options, c.reconcile)
	c.loop.Watch(requests.Informer(), controller.Handler[*certificatesv1.CertificateSigningRequest]{
		Added:   func(r *certificatesv1.CertificateSigningRequest) { c.loop.Add(r.Name) },
		Updated: func(_, r *certificatesv1.CertificateSigningRequest) { c.loop.Add(r.Name) },
	})
	c.loop.Watch(core.Nodes().Informer(), controller.Handler[*corev1.Node]{})
	c.loop.Watch(options.Informers.Coordination().V1().Leases().Informer(), controller.Handler[*coordinationv1.Lease]{
		Added:   func(lease *coordinationv1.Lease) { c.heard.lease(lease, c.clock.Now()) },
		Updated: func(_, lease *coordinationv1.Lease) { c.heard.lease(lease, c.clock.Now()) },
		Deleted: func(lease *coordinationv1.Lease) { c.heard.forget(lease.Name) },
	})
	return c
}

// Run answers requests until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) error { return c.loop.Run(ctx, workers) }

func (c *Controller) reconcile(ctx context.Context, name string) (time.Duration, error) {
	request, err := c.requests.Get(name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("get request: %w", err)
	}
	seen, err := c.observe(request)
	if err != nil {
		return 0, err
	}
	plan := PlanRequest(request, seen, c.clock.Now(), c.rules)
	return plan.After, c.act(ctx, request, plan)
}

// observe gathers what is known of the node whose name is asked for.
func (c *Controller) observe(request *certificatesv1.CertificateSigningRequest) (Observed, error) {
	seen := Observed{Since: c.heard.since}
	name := nodeOf(request)
	if name == "" {
		return seen, nil
	}
	node, err := c.nodes.Get(name)
	if err != nil && !apierrors.IsNotFound(err) {
		return seen, fmt.Errorf("get node: %w", err)
	}
	if err == nil {
		seen.Node = node
	}
	seen.Heard = c.heard.last(name)
	if given, ok := c.approved[name]; ok {
		seen.Given = append(seen.Given, given)
	}
	all, err := c.requests.List(labels.Everything())
	if err != nil {
		return seen, fmt.Errorf("list requests: %w", err)
	}
	for _, other := range all {
		verdict := condition(other, certificatesv1.CertificateApproved)
		if verdict == nil || other.Name == request.Name || nodeOf(other) != name {
			continue
		}
		if asked, err := parse(other); err == nil {
			seen.Given = append(seen.Given, Given{Key: PublicKey(asked), At: verdict.LastUpdateTime.Time})
		}
	}
	return seen, nil
}

// nodeOf is the node whose certificate is asked for; "" if it is none's.
func nodeOf(request *certificatesv1.CertificateSigningRequest) string {
	if request.Spec.SignerName != certificatesv1.KubeAPIServerClientKubeletSignerName {
		return ""
	}
	asked, err := parse(request)
	if err != nil {
		return ""
	}
	name, _ := checkNode(asked, request.Spec.Usages)
	return name
}

// act carries a plan out. That the request is gone is no error.
func (c *Controller) act(ctx context.Context, request *certificatesv1.CertificateSigningRequest, plan Plan) error {
	var err error
	switch {
	case plan.Delete:
		err = c.remove(ctx, request)
	case plan.Sign:
		err = c.sign(ctx, request, plan.NotAfter)
	case plan.Verdict != "":
		err = c.judge(ctx, request, plan)
	}
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (c *Controller) remove(ctx context.Context, request *certificatesv1.CertificateSigningRequest) error {
	preconditions := &metav1.Preconditions{UID: &request.UID, ResourceVersion: &request.ResourceVersion}
	if err := c.client.CertificatesV1().CertificateSigningRequests().Delete(ctx, request.Name, metav1.DeleteOptions{Preconditions: preconditions}); err != nil {
		return fmt.Errorf("delete request: %w", err)
	}
	return nil
}

func (c *Controller) sign(ctx context.Context, request *certificatesv1.CertificateSigningRequest, notAfter time.Time) error {
	certificate, err := c.authority.sign(request, c.clock.Now(), notAfter)
	if err != nil {
		return err
	}
	signed := request.DeepCopy()
	signed.Status.Certificate = certificate
	if _, err := c.client.CertificatesV1().CertificateSigningRequests().UpdateStatus(ctx, signed, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("store certificate: %w", err)
	}
	c.log.Info().Str("request", request.Name).Str("signer", request.Spec.SignerName).Str("for", request.Spec.Username).Time("until", notAfter).Msg("certificate issued")
	return nil
}

func (c *Controller) judge(ctx context.Context, request *certificatesv1.CertificateSigningRequest, plan Plan) error {
	now := metav1.NewTime(c.clock.Now())
	judged := request.DeepCopy()
	judged.Status.Conditions = append(judged.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: plan.Verdict, Status: corev1.ConditionTrue, Reason: plan.Reason, Message: plan.Message, LastUpdateTime: now, LastTransitionTime: now,
	})
	requests := c.client.CertificatesV1().CertificateSigningRequests()
	var err error
	if plan.Verdict == certificatesv1.CertificateFailed {
		_, err = requests.UpdateStatus(ctx, judged, metav1.UpdateOptions{})
	} else {
		_, err = requests.UpdateApproval(ctx, judged.Name, judged, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("store verdict: %w", err)
	}
	node := nodeOf(request)
	if asked, err := parse(request); err == nil && node != "" && plan.Verdict == certificatesv1.CertificateApproved {
		c.approved[node] = Given{Key: PublicKey(asked), At: now.Time}
	}
	if plan.Verdict != certificatesv1.CertificateApproved {
		c.log.Warn().Str("request", request.Name).Str("from", request.Spec.Username).Str("node", node).Str("reason", plan.Message).Msg("certificate refused")
	}
	return nil
}
