package controllertest

import (
	"fmt"
	"reflect"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/clock"
)

// API is the fake API server. Its fields may be set before it is used.
type API struct {
	Client *fake.Clientset
	Clock  clock.PassiveClock // of creation and deletion timestamps
	// Refuse, if set, is asked before each write; what it returns is the answer.
	Refuse func(verb, resource string, obj runtime.Object) error

	last int // the newest resource version; the fake clientset calls one reactor at a time
}

// New makes an API that is empty.
func New(t *testing.T, clock clock.PassiveClock) *API {
	t.Helper()
	a := &API{Client: fake.NewClientset(), Clock: clock}
	a.Client.PrependReactor("create", "*", a.create)
	a.Client.PrependReactor("update", "*", a.update)
	a.Client.PrependReactor("delete", "*", a.delete)
	return a
}

// stamp gives the object a new resource version, and lets the tracker store it.
func (a *API) stamp(obj metav1.Object) {
	a.last++
	obj.SetResourceVersion(strconv.Itoa(a.last))
}

func (a *API) refuse(action clienttesting.Action, obj runtime.Object) error {
	if a.Refuse == nil || action.GetResource().Resource == "events" {
		return nil
	}
	return a.Refuse(action.GetVerb(), action.GetResource().Resource, obj)
}

func (a *API) create(action clienttesting.Action) (bool, runtime.Object, error) {
	obj := action.(clienttesting.CreateAction).GetObject()
	object, err := meta.Accessor(obj)
	if err != nil {
		return false, nil, err
	}
	if err := a.refuse(action, obj); err != nil {
		return true, nil, err
	}
	a.stamp(object)
	if object.GetName() == "" {
		object.SetName(fmt.Sprintf("%s%05d", object.GetGenerateName(), a.last))
	}
	object.SetUID(types.UID(fmt.Sprintf("uid-%d", a.last)))
	object.SetCreationTimestamp(metav1.NewTime(a.Clock.Now()))
	object.SetGeneration(1)
	return false, nil, nil // the tracker stores it
}

func (a *API) update(action clienttesting.Action) (bool, runtime.Object, error) {
	obj := action.(clienttesting.UpdateAction).GetObject()
	if err := a.refuse(action, obj); err != nil {
		return true, nil, err
	}
	object, err := meta.Accessor(obj)
	if err != nil {
		return false, nil, err
	}
	resource := action.GetResource()
	stored, err := a.Client.Tracker().Get(resource, action.GetNamespace(), object.GetName())
	if err != nil {
		return true, nil, err
	}
	old, err := meta.Accessor(stored)
	if err != nil {
		return false, nil, err
	}
	if object.GetResourceVersion() != "" && object.GetResourceVersion() != old.GetResourceVersion() {
		return true, nil, apierrors.NewConflict(resource.GroupResource(), object.GetName(), fmt.Errorf("the object has been modified"))
	}
	object.SetGeneration(old.GetGeneration())
	kept := "Status"
	if part := action.GetSubresource(); part == "status" || part == "approval" {
		kept = "Spec"
		object.SetLabels(old.GetLabels())
	}
	if was, is := field(stored, kept), field(obj, kept); is.IsValid() { // such as EndpointSlices have neither
		is.Set(was)
	}
	if kept == "Status" && field(obj, "Spec").IsValid() && !reflect.DeepEqual(field(stored, "Spec").Interface(), field(obj, "Spec").Interface()) {
		object.SetGeneration(old.GetGeneration() + 1)
	}
	a.stamp(object)
	return false, nil, nil
}

func field(obj runtime.Object, name string) reflect.Value {
	return reflect.ValueOf(obj).Elem().FieldByName(name)
}

// delete marks a Pod that has a node, and removes all else. Confirm is what its node does.
func (a *API) delete(action clienttesting.Action) (bool, runtime.Object, error) {
	deletion := action.(clienttesting.DeleteActionImpl)
	resource := action.GetResource()
	stored, err := a.Client.Tracker().Get(resource, action.GetNamespace(), deletion.GetName())
	if err != nil {
		return true, nil, err
	}
	if err := a.refuse(action, stored); err != nil {
		return true, nil, err
	}
	object, err := meta.Accessor(stored)
	if err != nil {
		return false, nil, err
	}
	if p := deletion.GetDeleteOptions().Preconditions; p != nil && p.UID != nil && *p.UID != object.GetUID() {
		return true, nil, apierrors.NewConflict(resource.GroupResource(), deletion.GetName(), fmt.Errorf("the UID in the precondition does not match"))
	}
	pod, isPod := stored.(*corev1.Pod)
	if !isPod || pod.Spec.NodeName == "" {
		return false, nil, nil
	}
	if pod.DeletionTimestamp == nil {
		pod.DeletionTimestamp = &metav1.Time{Time: a.Clock.Now()}
		a.stamp(pod)
		return true, nil, a.Client.Tracker().Update(resource, pod, pod.Namespace)
	}
	return true, nil, nil
}

// Confirm removes a Pod that was marked, as its node does once its containers have stopped.
func (a *API) Confirm(pod *corev1.Pod) error {
	return a.Client.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("pods"), pod.Namespace, pod.Name)
}
