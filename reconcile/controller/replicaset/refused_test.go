package replicaset

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clocktesting "k8s.io/utils/clock/testing"

	"coracle.dev/coracle/reconcile/controller"
	"coracle.dev/coracle/reconcile/controller/controllertest"
)

func amounts(name corev1.ResourceName, value string) corev1.ResourceList {
	return corev1.ResourceList{name: resource.MustParse(value)}
}

// The clock stands still, so no back-off ends: only the change can have Pods tried again.
func TestRefusedPodsAreTriedAgainWhenThatMayHelp(t *testing.T) {
	meta := metav1.ObjectMeta{Namespace: "ns", Name: "x"}
	quota := &corev1.ResourceQuota{ObjectMeta: meta, Status: corev1.ResourceQuotaStatus{Hard: amounts("pods", "1"), Used: amounts("pods", "1")}}
	limits := &corev1.LimitRange{ObjectMeta: meta}
	for name, test := range map[string]struct {
		before func(kubernetes.Interface) error
		change func(kubernetes.Interface) error
	}{
		"quota raised": {
			func(c kubernetes.Interface) error {
				_, err := c.CoreV1().ResourceQuotas("ns").Create(background, quota.DeepCopy(), metav1.CreateOptions{})
				return err
			},
			func(c kubernetes.Interface) error {
				raised := quota.DeepCopy()
				raised.Status.Hard = amounts("pods", "9")
				_, err := c.CoreV1().ResourceQuotas("ns").UpdateStatus(background, raised, metav1.UpdateOptions{})
				return err
			},
		},
		"quota deleted": {
			func(c kubernetes.Interface) error {
				_, err := c.CoreV1().ResourceQuotas("ns").Create(background, quota.DeepCopy(), metav1.CreateOptions{})
				return err
			},
			func(c kubernetes.Interface) error {
				return c.CoreV1().ResourceQuotas("ns").Delete(background, "x", metav1.DeleteOptions{})
			},
		},
		"limits deleted": {
			func(c kubernetes.Interface) error {
				_, err := c.CoreV1().LimitRanges("ns").Create(background, limits.DeepCopy(), metav1.CreateOptions{})
				return err
			},
			func(c kubernetes.Interface) error {
				return c.CoreV1().LimitRanges("ns").Delete(background, "x", metav1.DeleteOptions{})
			},
		},
		"limits changed": {
			func(c kubernetes.Interface) error {
				_, err := c.CoreV1().LimitRanges("ns").Create(background, limits.DeepCopy(), metav1.CreateOptions{})
				return err
			},
			func(c kubernetes.Interface) error {
				changed := limits.DeepCopy()
				changed.Spec.Limits = []corev1.LimitRangeItem{{Type: corev1.LimitTypePod, Max: amounts("cpu", "1")}}
				_, err := c.CoreV1().LimitRanges("ns").Update(background, changed, metav1.UpdateOptions{})
				return err
			},
		},
		"service account made": {
			nil,
			func(c kubernetes.Interface) error {
				_, err := c.CoreV1().ServiceAccounts("ns").Create(background, &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
				return err
			},
		},
		"priority class made": {
			nil,
			func(c kubernetes.Interface) error {
				_, err := c.SchedulingV1().PriorityClasses().Create(background, &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, metav1.CreateOptions{})
				return err
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			clock := clocktesting.NewFakeClock(time.Unix(0, 0))
			api := controllertest.New(t, clock)
			var allowed atomic.Bool
			var refusals atomic.Int64
			api.Refuse = func(verb, resource string, _ runtime.Object) error {
				if verb == "create" && resource == "pods" && !allowed.Load() {
					refusals.Add(1)
					return errors.New("refused")
				}
				return nil
			}
			if test.before != nil {
				if err := test.before(api.Client); err != nil {
					t.Fatal(err)
				}
			}
			controllertest.Run(t, api, clock, func(o controller.Options) controllertest.Runner { return New(o) })
			create(t, api, replicaSet(1))
			// Once by itself, and once more when the first failure shows in the status. Nothing else happens then.
			controllertest.Eventually(t, func() (bool, string) { return refusals.Load() >= 2, "not refused twice" })
			allowed.Store(true)
			if err := test.change(api.Client); err != nil {
				t.Fatal(err)
			}
			controllertest.Eventually(t, func() (bool, string) { return len(pods(t, api)) == 1, "no Pod was made" })
		})
	}
}

func TestGaveRoom(t *testing.T) {
	status := func(hard, used string) *corev1.ResourceQuotaStatus {
		return &corev1.ResourceQuotaStatus{Hard: amounts("pods", hard), Used: amounts("pods", used)}
	}
	unbounded := &corev1.ResourceQuotaStatus{}
	for _, test := range []struct {
		name          string
		before, after *corev1.ResourceQuotaStatus
		want          bool
	}{
		{"equal", status("3", "2"), status("3", "2"), false},
		{"charged", status("3", "2"), status("3", "3"), false},
		{"freed", status("3", "3"), status("3", "2"), true},
		{"raised", status("3", "3"), status("4", "3"), true},
		{"raised, and charged as much", status("3", "3"), status("4", "4"), false},
		{"lowered", status("3", "3"), status("2", "3"), false},
		{"bound taken away", status("3", "3"), unbounded, true},
		{"bound added", unbounded, status("3", "3"), false},
	} {
		if got := gaveRoom(test.before, test.after); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
