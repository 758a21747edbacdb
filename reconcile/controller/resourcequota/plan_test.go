package resourcequota

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"coracle.dev/coracle/reconcile/api/quota"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// amounts are given as name, value, name, value …
func amounts(pairs ...string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		list[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return list
}

func pod(name, cpu string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}}
	p.Spec.Containers = []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{Requests: amounts("cpu", cpu)}}}
	for _, f := range change {
		f(p)
	}
	return p
}

func of(resource string, items ...runtime.Object) Objects {
	return Objects{Meter: quota.For(schema.GroupResource{Resource: resource}), Items: items}
}

func TestCount(t *testing.T) {
	failed := func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }
	deadline := func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = ptr.To[int64](9) }
	leaving := func(at time.Time) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &metav1.Time{Time: at}, ptr.To[int64](30)
		}
	}
	objects := []Objects{
		of("pods", pod("a", "100m"), pod("b", "200m", deadline), pod("c", "1", failed),
			pod("d", "5m", leaving(now)), pod("e", "1", leaving(now.Add(-31*time.Second)))),
		of("secrets", &corev1.Secret{}, &metav1.PartialObjectMetadata{}),
	}
	for name, test := range map[string]struct {
		spec corev1.ResourceQuotaSpec
		want corev1.ResourceList
		next time.Time
	}{
		"pods": {
			corev1.ResourceQuotaSpec{Hard: amounts("pods", "9", "count/pods", "9", "requests.cpu", "9", "limits.cpu", "1")},
			amounts("pods", "3", "count/pods", "5", "requests.cpu", "305m", "limits.cpu", "0"), now.Add(30 * time.Second),
		},
		"scope": {
			corev1.ResourceQuotaSpec{Hard: amounts("pods", "9"), Scopes: []corev1.ResourceQuotaScope{corev1.ResourceQuotaScopeTerminating}},
			amounts("pods", "1"), time.Time{},
		},
		"counts": {
			corev1.ResourceQuotaSpec{Hard: amounts("secrets", "1", "count/secrets", "1", "configmaps", "1")},
			amounts("secrets", "2", "count/secrets", "2", "configmaps", "0"), time.Time{},
		},
		"what nothing uses": {corev1.ResourceQuotaSpec{Hard: amounts("persistentvolumeclaims", "1")}, amounts("persistentvolumeclaims", "0"), time.Time{}},
	} {
		got, next := Count(&test.spec, objects, now)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if !next.Equal(test.next) {
			t.Errorf("%s: next %s, want %s", name, next, test.next)
		}
	}
}

func TestDecide(t *testing.T) {
	hard := amounts("pods", "3")
	status := func(hard, used corev1.ResourceList) *corev1.ResourceQuotaStatus {
		return &corev1.ResourceQuotaStatus{Hard: hard, Used: used}
	}
	long, lately := now.Add(-time.Hour), now.Add(-settle/4)
	for name, test := range map[string]struct {
		status  *corev1.ResourceQuotaStatus
		counted corev1.ResourceList
		next    time.Time
		charged time.Time
		want    Plan
	}{
		"new":              {status(nil, nil), amounts("pods", "0"), time.Time{}, time.Time{}, Plan{Status: status(hard, amounts("pods", "0"))}},
		"equal":            {status(hard, amounts("pods", "2")), amounts("pods", "2"), time.Time{}, long, Plan{}},
		"equal, just now":  {status(hard, amounts("pods", "2")), amounts("pods", "2"), time.Time{}, lately, Plan{}},
		"gone":             {status(hard, amounts("pods", "2")), amounts("pods", "1"), time.Time{}, long, Plan{Status: status(hard, amounts("pods", "1"))}},
		"charged just now": {status(hard, amounts("pods", "2")), amounts("pods", "1"), time.Time{}, lately, Plan{After: settle * 3 / 4}},
		"more than charged": {
			status(hard, amounts("pods", "2")), amounts("pods", "5"), time.Time{}, lately, Plan{Status: status(hard, amounts("pods", "5"))},
		},
		"raised just after a charge": {
			status(amounts("pods", "2"), amounts("pods", "2")), amounts("pods", "1"), time.Time{}, lately,
			Plan{Status: status(hard, amounts("pods", "2")), After: settle * 3 / 4},
		},
		"another amount": {
			status(amounts("secrets", "2"), amounts("secrets", "2")), amounts("pods", "1"), time.Time{}, lately, Plan{Status: status(hard, amounts("pods", "1"))},
		},
		"leaving": {
			status(hard, amounts("pods", "2")), amounts("pods", "2"), now.Add(time.Second), long, Plan{After: time.Second + time.Millisecond},
		},
	} {
		q := &corev1.ResourceQuota{Spec: corev1.ResourceQuotaSpec{Hard: hard}, Status: *test.status}
		if diff := cmp.Diff(test.want, Decide(q, test.counted, test.next, test.charged, now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Whatever is there and was charged: a plan never frees what was charged lately, ends at what was counted, and is then done.
func TestAnyPlanEndsAtTheCount(t *testing.T) {
	names := []corev1.ResourceName{"pods", "requests.cpu", "count/pods", "secrets"}
	list := func(t *rapid.T, label string) corev1.ResourceList {
		drawn := corev1.ResourceList{}
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom(names), func(n corev1.ResourceName) corev1.ResourceName { return n }).Draw(t, label) {
			drawn[name] = *resource.NewMilliQuantity(rapid.Int64Range(0, 5).Draw(t, string(name))*1000, resource.DecimalSI)
		}
		return drawn
	}
	rapid.Check(t, func(t *rapid.T) {
		q := &corev1.ResourceQuota{Spec: corev1.ResourceQuotaSpec{Hard: list(t, "hard")}}
		q.Status.Hard, q.Status.Used = list(t, "status.hard"), list(t, "status.used")
		var items []runtime.Object
		for i := range rapid.IntRange(0, 6).Draw(t, "pods") {
			items = append(items, pod(fmt.Sprint(i), rapid.SampledFrom([]string{"0", "100m", "1"}).Draw(t, "cpu")))
		}
		counted, next := Count(&q.Spec, []Objects{of("pods", items...)}, now)
		shuffled, _ := Count(&q.Spec, []Objects{of("pods", rapid.Permutation(items).Draw(t, "order")...)}, now)
		if !quota.Equal(counted, shuffled) {
			t.Fatalf("counted %v, in another order %v", counted, shuffled)
		}
		charged := now.Add(-time.Duration(rapid.Int64Range(0, int64(2*settle)).Draw(t, "since")))
		before := q.Status.Used
		plan := Decide(q, counted, next, charged, now)
		if plan.Status != nil {
			q.Status = *plan.Status
		}
		for name, used := range before {
			after, bounded := q.Status.Used[name]
			if bounded && charged.Add(settle).After(now) && after.Cmp(used) < 0 {
				t.Fatalf("%s: %s of %s that was charged lately is free", name, after.String(), used.String())
			}
		}
		if later := Decide(q, counted, next, charged, now.Add(plan.After)); later.Status != nil {
			q.Status = *later.Status
		}
		if !quota.Equal(q.Status.Used, counted) || !quota.Equal(q.Status.Hard, q.Spec.Hard) {
			t.Fatalf("ended at %v of %v, counted %v of %v", q.Status.Used, q.Status.Hard, counted, q.Spec.Hard)
		}
		if last := Decide(q, counted, next, charged, now.Add(plan.After)); last != (Plan{}) {
			t.Fatalf("not done: %+v", last)
		}
	})
}
