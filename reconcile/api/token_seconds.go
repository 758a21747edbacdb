package api

import "k8s.io/apimachinery/pkg/util/validation/field"

// How long the token of a service account may last, in seconds; and how long one does that does not say.
const (
	DefaultTokenSeconds int64 = 60 * 60
	leastTokenSeconds   int64 = 10 * 60
	mostTokenSeconds    int64 = 1 << 32
)

// ValidateTokenSeconds judges for how long a token is asked for, by a TokenRequest or a volume.
func ValidateTokenSeconds(seconds int64, at *field.Path) field.ErrorList {
	switch {
	case seconds < leastTokenSeconds:
		return field.ErrorList{field.Invalid(at, seconds, "may not specify a duration less than 10 minutes")}
	case seconds > mostTokenSeconds:
		return field.ErrorList{field.Invalid(at, seconds, "may not specify a duration larger than 2^32 seconds")}
	}
	return nil
}
