package scheduler

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// BenchmarkPlan fills fleets of three sizes with ten Pods a node, over and over, in ReplicaSets of ten. One operation is
// one Pod: read, decided, counted. The related ones spread over zones and keep their own kind off each host.
func BenchmarkPlan(b *testing.B) {
	for _, size := range []int{100, 1000, 5000} {
		b.Run(fmt.Sprintf("plain/nodes=%d", size), func(b *testing.B) {
			benchmarkPlan(b, size, func(i int) *corev1.Pod {
				return pod(fmt.Sprint("p", i), cpu("10m"), ownedBy(types.UID(fmt.Sprint(i/10))))
			})
		})
		b.Run(fmt.Sprintf("related/nodes=%d", size), func(b *testing.B) {
			benchmarkPlan(b, size, func(i int) *corev1.Pod {
				name := fmt.Sprint("app", i/10)
				return pod(fmt.Sprint("p", i), cpu("10m"), label("app", name), away(app(name, host)), spreadOver(zone, 1, corev1.ScheduleAnyway))
			})
		})
	}
}

func benchmarkPlan(b *testing.B, size int, makePod func(i int) *corev1.Pod) {
	s := NewState()
	for i := range size {
		s.SetNode(node(fmt.Sprintf("node-%04d", i), nodeLabel(zone, fmt.Sprint(i%3)), allocatable(corev1.ResourcePods, "110")))
	}
	for i := 0; b.Loop(); i++ {
		p := mustPod(b, makePod(i))
		d := Plan(s, p)
		if d.Node == "" {
			b.Fatal(d.Message())
		}
		s.Place(p, d.Node)
		s.Remove(types.UID(fmt.Sprint("p", i-10*size)))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pods/s")
}
