package memory_test

import (
	"fmt"
	goruntime "runtime"
	"testing"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/memory"
)

// BenchmarkCreateStart reports what a simulated fleet is made of: one operation is a container created and started, with
// the labels that a node gives it.
func BenchmarkCreateStart(b *testing.B) {
	e := memory.New(memory.Options{Images: []string{"web:v1"}})
	ctx := b.Context()
	var before, after goruntime.MemStats
	goruntime.GC()
	goruntime.ReadMemStats(&before)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		id, err := e.CreateContainer(ctx, runtime.ContainerSpec{
			Name: fmt.Sprintf("k8s_web_web-%d_default_%d_0", i, i), Image: "web:v1",
			Labels: map[string]string{runtime.LabelPodName: "web", runtime.LabelPodNamespace: "default", runtime.LabelPodUID: "1", runtime.LabelContainerName: "web"},
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := e.StartContainer(ctx, id); err != nil {
			b.Fatal(err)
		}
	}
	goruntime.GC()
	goruntime.ReadMemStats(&after)
	b.ReportMetric(2*float64(b.N)/b.Elapsed().Seconds(), "calls/s")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(b.N), "bytes/container")
	goruntime.KeepAlive(e)
}
