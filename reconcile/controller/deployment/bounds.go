package deployment

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// bounds are the numbers of Pods within which a rollout moves.
type bounds struct {
	desired int32 // replicas wanted
	most    int32 // desired and surge: never more Pods in all
	least   int32 // desired less unavailable: never fewer available ones, by our doing
}

// boundsOf resolves percentages: surge is rounded up, unavailable down. Both coming to 0 would allow no step at all, so
// unavailable is 1 then. 25% each of 10 is most 13, least 8; of 3 it is most 4, least 3.
func boundsOf(d *appsv1.Deployment) bounds {
	b := bounds{desired: orOne(d.Spec.Replicas)}
	b.most, b.least = b.desired, b.desired
	if b.desired == 0 || d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return b
	}
	var surge, unavailable int32
	if rolling := d.Spec.Strategy.RollingUpdate; rolling != nil {
		surge = scaled(rolling.MaxSurge, b.desired, true)
		unavailable = scaled(rolling.MaxUnavailable, b.desired, false)
	}
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	b.most += surge
	b.least -= min(unavailable, b.desired)
	return b
}

// scaled is a number, or a percentage of total. The API admits nothing else; unset is 0.
func scaled(value *intstr.IntOrString, total int32, roundUp bool) int32 {
	if value == nil {
		return 0
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(value, int(total), roundUp)
	if err != nil || n < 0 {
		return 0
	}
	return int32(n)
}

// annotate notes the bounds on a ReplicaSet.
func (b bounds) annotate(annotations map[string]string) {
	annotations[annotationDesired] = strconv.Itoa(int(b.desired))
	annotations[annotationMost] = strconv.Itoa(int(b.most))
}

// noted reads a number that annotate wrote; ok is whether there is one.
func noted(rs *appsv1.ReplicaSet, annotation string) (n int32, ok bool) {
	parsed, err := strconv.ParseInt(rs.Annotations[annotation], 10, 32)
	return int32(parsed), err == nil
}
