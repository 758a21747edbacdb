package bootstraptokens

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	bootstrapapi "k8s.io/cluster-bootstrap/token/api"
)

// keepExpired is how long an expired token can still be told from one that never was.
const keepExpired = 24 * time.Hour

// PlanToken says whether to remove a token's Secret now, or else after how long to look again; 0 is never. One whose time of
// expiry cannot be read lets nobody in, and is left to who wrote it.
func PlanToken(secret *corev1.Secret, now time.Time) (remove bool, after time.Duration) {
	if secret.DeletionTimestamp != nil {
		return false, 0
	}
	expires, err := time.Parse(time.RFC3339, string(secret.Data[bootstrapapi.BootstrapTokenExpirationKey]))
	if err != nil {
		return false, 0
	}
	left := expires.Add(keepExpired).Sub(now)
	return left <= 0, max(0, left)
}
