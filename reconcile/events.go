package reconcile

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/record"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

// Reasons of events, on Applications and on the objects that they are about.
const (
	EventSynced         = "Synced"
	EventApplyFailed    = "ApplyFailed"
	EventLoadFailed     = "LoadFailed"
	EventSourceFailed   = "SourceFailed"
	EventForcePushed    = "ForcePushed"
	EventDriftCorrected = "DriftCorrected"
	EventDriftReturns   = "DriftReturns"
	EventHistoryPartial = "HistoryPartial"
	EventPruned         = "Pruned"
)

// eventSink writes events with the dynamic client, which is all that the loop has of a cluster.
type eventSink struct{ client dynamic.Interface }

var eventResource = corev1.SchemeGroupVersion.WithResource("events")

// Create writes a new event.
func (s eventSink) Create(event *corev1.Event) (*corev1.Event, error) {
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(event)
	if err != nil {
		return nil, err
	}
	body := &unstructured.Unstructured{Object: object}
	body.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Event"))
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	written, err := s.client.Resource(eventResource).Namespace(event.Namespace).Create(ctx, body, metav1.CreateOptions{})
	return typedEvent(written), err
}

// Update is what the recorder calls where it cannot patch.
func (s eventSink) Update(event *corev1.Event) (*corev1.Event, error) { return s.Create(event) }

// Patch counts a repeated event up.
func (s eventSink) Patch(event *corev1.Event, data []byte) (*corev1.Event, error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	written, err := s.client.Resource(eventResource).Namespace(event.Namespace).
		Patch(ctx, event.Name, types.StrategicMergePatchType, data, metav1.PatchOptions{})
	return typedEvent(written), err
}

// typedEvent gives what the recorder needs for its next patch; nil where there is none.
func typedEvent(object *unstructured.Unstructured) *corev1.Event {
	if object == nil {
		return nil
	}
	event := &corev1.Event{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, event); err != nil {
		return nil
	}
	return event
}

// newRecorder gives a recorder whose events go to the cluster until stop is called.
func newRecorder(client dynamic.Interface) (recorder record.EventRecorder, stop func()) {
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(eventSink{client})
	return broadcaster.NewRecorder(runtime.NewScheme(), corev1.EventSource{Component: Manager}), broadcaster.Shutdown
}

// reference points an event at an Application or an object.
func applicationReference(app *v1alpha1.Application) *corev1.ObjectReference {
	return &corev1.ObjectReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.ApplicationKind.Kind,
		Namespace: app.Namespace, Name: app.Name, UID: app.UID, ResourceVersion: app.ResourceVersion}
}

func itemReference(item Item) *corev1.ObjectReference {
	reference := &corev1.ObjectReference{APIVersion: item.APIVersion, Kind: item.Kind, Namespace: item.Namespace, Name: item.Name}
	if item.live != nil {
		reference.UID = item.live.GetUID()
	}
	return reference
}
