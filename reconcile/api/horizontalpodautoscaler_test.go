package api

import (
	"math/rand"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/resource"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/randfill"
)

// autoscalers fills what an autoscaler may be: v1 can express no other. The target for the CPU comes last, where v1 puts it.
func autoscalers(serializer.CodecFactory) []any {
	quantity := func(c randfill.Continue) *resource.Quantity {
		return resource.NewQuantity(1+c.Int63n(1000), resource.DecimalSI)
	}
	return []any{
		func(hpa *autoscalingv2.HorizontalPodAutoscalerSpec, c randfill.Continue) {
			c.FillNoCustom(hpa)
			target := autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: quantity(c)}
			hpa.Metrics = []autoscalingv2.MetricSpec{
				{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceMemory, Target: target}},
				{Type: autoscalingv2.ContainerResourceMetricSourceType, ContainerResource: &autoscalingv2.ContainerResourceMetricSource{
					Name: corev1.ResourceCPU, Container: "web",
					Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To(1 + c.Int31n(100))}}},
				{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{
					Metric: autoscalingv2.MetricIdentifier{Name: "packets"}, Target: target}},
				{Type: autoscalingv2.ObjectMetricSourceType, Object: &autoscalingv2.ObjectMetricSource{
					DescribedObject: autoscalingv2.CrossVersionObjectReference{Kind: "Ingress", Name: "main"},
					Metric:          autoscalingv2.MetricIdentifier{Name: "hits"},
					Target:          autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: quantity(c)}}},
				{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
					Metric: autoscalingv2.MetricIdentifier{Name: "queue"},
					Target: autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: quantity(c)}}},
				cpuUtilization(1 + c.Int31n(100)),
			}[c.Intn(6):]
			hpa.MinReplicas = ptr.To(c.Int31())
			if behavior := hpa.Behavior; behavior != nil {
				for _, rules := range []*autoscalingv2.HPAScalingRules{behavior.ScaleUp, behavior.ScaleDown} {
					if rules != nil && len(rules.Policies) == 0 {
						rules.Policies = nil // an empty list is refused
					}
				}
				behavior.ScaleUp, behavior.ScaleDown = defaultScaleUp(behavior.ScaleUp), defaultScaleDown(behavior.ScaleDown)
			}
		},
		func(status *autoscalingv2.HorizontalPodAutoscalerStatus, c randfill.Continue) {
			c.FillNoCustom(status)
			current := autoscalingv2.MetricValueStatus{AverageUtilization: ptr.To(c.Int31()), AverageValue: quantity(c)}
			status.CurrentMetrics = []autoscalingv2.MetricStatus{
				{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricStatus{Name: corev1.ResourceCPU, Current: current}},
				{Type: autoscalingv2.ContainerResourceMetricSourceType, ContainerResource: &autoscalingv2.ContainerResourceMetricStatus{
					Name: corev1.ResourceMemory, Container: "web", Current: current}},
			}[c.Intn(3):]
		},
	}
}

// What v2 says survives a client that reads and writes v1.
func TestAutoscalersSurviveV1(t *testing.T) {
	for seed := range int64(50) {
		filler := fuzzer.FuzzerFor(fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, autoscalers), rand.NewSource(seed), Codecs).NumElements(1, 3)
		want, got, v1 := &autoscalingv2.HorizontalPodAutoscaler{}, &autoscalingv2.HorizontalPodAutoscaler{}, &autoscalingv1.HorizontalPodAutoscaler{}
		filler.Fill(want)
		want.TypeMeta = got.TypeMeta
		before := want.DeepCopy()
		convertAutoscalerToV1(want, v1)
		convertAutoscalerFromV1(v1, got)
		same(t, "the autoscaler, by v1 and back,", before, got)
		same(t, "the autoscaler that was converted", before, want)
	}
}

func TestV1HasTheTargetOfTheCPUInItsField(t *testing.T) {
	decode := Codecs.UniversalDecoder(autoscalingv2.SchemeGroupVersion)
	obj, _, err := decode.Decode([]byte(`{"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler","metadata":{"name":"web"},
		"spec":{"maxReplicas":15,"targetCPUUtilizationPercentage":75,"scaleTargetRef":{"kind":"Deployment","name":"web"}}}`), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec := obj.(*autoscalingv2.HorizontalPodAutoscaler).Spec
	same(t, "the metrics", []autoscalingv2.MetricSpec{cpuUtilization(75)}, spec.Metrics)
	if ptr.Deref(spec.MinReplicas, 0) != 1 {
		t.Errorf("minReplicas %v, want the default of 1", spec.MinReplicas)
	}
	spec.Metrics = append(spec.Metrics, autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
		Name: corev1.ResourceMemory, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To[int32](60)}}})
	v1 := &autoscalingv1.HorizontalPodAutoscaler{}
	convertAutoscalerToV1(&autoscalingv2.HorizontalPodAutoscaler{Spec: spec}, v1)
	want := `[{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":60}}]`
	if got := v1.Annotations[metricsAnnotation]; ptr.Deref(v1.Spec.TargetCPUUtilizationPercentage, 0) != 75 || got != want {
		t.Errorf("target %v, annotation %s; want 75 and %s", v1.Spec.TargetCPUUtilizationPercentage, got, want)
	}
}

// Clients without a preference get v2, as upstream: `kubectl get hpa` shows all metrics.
func TestV2OfAutoscalingIsPreferred(t *testing.T) {
	got := Scheme.PrioritizedVersionsForGroup(autoscalingv2.GroupName)
	same(t, "the order of the versions", []schema.GroupVersion{autoscalingv2.SchemeGroupVersion, autoscalingv1.SchemeGroupVersion}, got)
	if kinds, _, err := Scheme.ObjectKinds(&autoscalingv2.HorizontalPodAutoscaler{}); err != nil || len(kinds) != 2 {
		t.Errorf("v2 is known as %v, error %v; want v2 and the hub", kinds, err)
	}
	if got := Scheme.Recognizes(autoscalingv1.SchemeGroupVersion.WithKind("Scale")); !got {
		t.Error("Scale is not known")
	}
}
