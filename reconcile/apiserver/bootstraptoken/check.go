package bootstraptoken

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	bootstrapapi "k8s.io/cluster-bootstrap/token/api"
	bootstrapsecrets "k8s.io/cluster-bootstrap/util/secrets"
)

// errNoMatch is all that a stranger learns.
var errNoMatch = errors.New("no such bootstrap token")

// ExpiredError is of a token that was good until then. Only who gave its secret may see it.
type ExpiredError struct {
	ID string
	At time.Time
}

func (e *ExpiredError) Error() string {
	return fmt.Sprintf("the bootstrap token %s expired at %s; make a new one on the server with: coracle token create", e.ID, e.At.UTC().Format(time.RFC3339))
}

// Check says who holds the token, by its Secret. The error is an *ExpiredError, or tells nothing.
func Check(stored *corev1.Secret, id, secret string, now time.Time) (user.Info, error) {
	given := stored.Type == bootstrapapi.SecretTypeBootstrapToken && stored.DeletionTimestamp == nil &&
		bootstrapsecrets.GetData(stored, bootstrapapi.BootstrapTokenIDKey) == id
	kept := stored.Data[bootstrapapi.BootstrapTokenSecretKey]
	if same := subtle.ConstantTimeCompare(kept, []byte(secret)) == 1; !same || !given || len(kept) == 0 {
		return nil, errNoMatch
	}
	if bootstrapsecrets.GetData(stored, bootstrapapi.BootstrapTokenUsageAuthentication) != "true" {
		return nil, errNoMatch
	}
	if _, expired := bootstrapsecrets.GetExpiration(stored, now); expired {
		at, err := time.Parse(time.RFC3339, bootstrapsecrets.GetData(stored, bootstrapapi.BootstrapTokenExpirationKey))
		if err != nil {
			return nil, errNoMatch
		}
		return nil, &ExpiredError{ID: id, At: at}
	}
	groups, err := bootstrapsecrets.GetGroups(stored)
	if err != nil {
		return nil, errNoMatch
	}
	return &user.DefaultInfo{Name: bootstrapapi.BootstrapUserPrefix + id, Groups: groups}, nil
}
