package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"
)

const (
	// maxTokenAge is when a token is renewed at the latest, as upstream does it.
	maxTokenAge = 24 * time.Hour
	// tokenRetry is how long after a failure a token is asked for again that a running Pod needs.
	tokenRetry = time.Minute
)

// tokens are those of their service accounts that this node's Pods hold. They are kept in memory, and in the Pods' volumes; a
// node that has lost them asks for new ones.
type tokens struct {
	client kubernetes.Interface
	clock  clock.PassiveClock
	logger zerolog.Logger

	mu   sync.Mutex
	held map[Key]map[tokenRef]heldToken
}

// tokenRef is what tells the tokens of a Pod apart. The UID is the API's: a Pod that was made again there needs others.
type tokenRef struct {
	uid      types.UID
	audience string
	seconds  int64
}

// heldToken counts from when it was asked for by this machine's clock, whatever the server's says.
type heldToken struct {
	token  string
	renew  time.Time
	expiry time.Time
	failed bool // the last try to renew it
}

func newTokens(client kubernetes.Interface, clock clock.PassiveClock, logger zerolog.Logger) *tokens {
	return &tokens{client: client, clock: clock, logger: logger, held: map[Key]map[tokenRef]heldToken{}}
}

// get returns the token that a Pod should hold now: the one it has until that is to be renewed, and while the API gives no other,
// until it expires.
func (t *tokens) get(ctx context.Context, key Key, pod *corev1.Pod, projection *corev1.ServiceAccountTokenProjection) (string, error) {
	ref := tokenRef{uid: pod.UID, audience: projection.Audience}
	if projection.ExpirationSeconds != nil {
		ref.seconds = *projection.ExpirationSeconds
	}
	now := t.clock.Now()
	old := t.find(key, ref)
	if now.Before(old.renew) && now.Before(old.expiry) {
		return old.token, nil
	}
	fresh, err := t.request(ctx, pod, ref, now)
	if err == nil {
		t.keep(key, ref, fresh)
		return fresh.token, nil
	}
	if old.token == "" {
		return "", err
	}
	if !old.failed {
		t.logger.Warn().Err(err).Stringer("pod", key).Time("expires", old.expiry).Msg("renew token")
	}
	old.renew, old.failed = now.Add(tokenRetry), true
	t.keep(key, ref, old)
	if now.Before(old.expiry) {
		return old.token, nil
	}
	return "", err
}

// request asks the API for a token that ends with the Pod.
func (t *tokens) request(ctx context.Context, pod *corev1.Pod, ref tokenRef, now time.Time) (heldToken, error) {
	ask := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID},
	}}
	if ref.audience != "" {
		ask.Spec.Audiences = []string{ref.audience}
	}
	if ref.seconds != 0 {
		ask.Spec.ExpirationSeconds = &ref.seconds
	}
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	given, err := t.client.CoreV1().ServiceAccounts(pod.Namespace).CreateToken(ctx, pod.Spec.ServiceAccountName, ask, metav1.CreateOptions{})
	if err != nil {
		return heldToken{}, fmt.Errorf("failed to fetch token: %w", err)
	}
	if given.Status.Token == "" || given.Spec.ExpirationSeconds == nil {
		return heldToken{}, fmt.Errorf("failed to fetch token: the answer for service account %q has none", pod.Spec.ServiceAccountName)
	}
	lifetime := time.Duration(*given.Spec.ExpirationSeconds) * time.Second
	renew := min(max(lifetime/5*4, tokenRetry), maxTokenAge)
	return heldToken{token: given.Status.Token, renew: now.Add(renew), expiry: now.Add(lifetime)}, nil
}

// renewAt is when the first of a Pod's tokens is to be renewed; zero if it holds none.
func (t *tokens) renewAt(key Key) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	var at time.Time
	for _, held := range t.held[key] {
		if at.IsZero() || held.renew.Before(at) {
			at = held.renew
		}
	}
	return at
}

func (t *tokens) find(key Key, ref tokenRef) heldToken {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held[key][ref]
}

// keep also drops what the Pod held under another UID.
func (t *tokens) keep(key Key, ref tokenRef, held heldToken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held[key] == nil {
		t.held[key] = map[tokenRef]heldToken{}
	}
	for other := range t.held[key] {
		if other.uid != ref.uid {
			delete(t.held[key], other)
		}
	}
	t.held[key][ref] = held
}

// release forgets the tokens of a Pod that is gone.
func (t *tokens) release(key Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.held, key)
}

// holdsTokens is whether one of the Pod's volumes has a token in it.
func holdsTokens(pod *corev1.Pod) bool {
	for i := range pod.Spec.Volumes {
		for _, source := range sources(&pod.Spec.Volumes[i]) {
			if source.ServiceAccountToken != nil {
				return true
			}
		}
	}
	return false
}

// tokenFile is a token for its reader's eyes only, where it is known who that is: the user as whom all containers run, and the
// fsGroup (treeMode lets that read).
func tokenFile(pod *corev1.Pod, token string, mode int32) file {
	f := file{data: []byte(token), mode: itemMode(nil, mode), user: commonUser(pod)}
	if f.user != nil || fsGroup(pod) != nil {
		f.mode = 0o600
	}
	return f
}

// commonUser is as whom all containers of the Pod are said to run, nil if they differ or are not all said to.
func commonUser(pod *corev1.Pod) *int64 {
	var common *int64
	same := true
	eachContainer(pod, func(c *corev1.Container, _ bool) {
		user := runAsUser(pod, c)
		if user == nil || common != nil && *user != *common {
			same = false
			return
		}
		common = user
	})
	if !same {
		return nil
	}
	return common
}
