package api

import (
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
)

// convertEventToCore and convertEventFromCore are each other's inverse: what events.k8s.io calls deprecated is what
// core/v1 has of its own. They share memory with in, as conversions of a scheme may.
func convertEventToCore(in *eventsv1.Event, out *corev1.Event) {
	*out = corev1.Event{
		ObjectMeta:          in.ObjectMeta,
		EventTime:           in.EventTime,
		ReportingController: in.ReportingController,
		ReportingInstance:   in.ReportingInstance,
		Action:              in.Action,
		Reason:              in.Reason,
		InvolvedObject:      in.Regarding,
		Related:             in.Related,
		Message:             in.Note,
		Type:                in.Type,
		Source:              in.DeprecatedSource,
		FirstTimestamp:      in.DeprecatedFirstTimestamp,
		LastTimestamp:       in.DeprecatedLastTimestamp,
		Count:               in.DeprecatedCount,
	}
	if s := in.Series; s != nil {
		out.Series = &corev1.EventSeries{Count: s.Count, LastObservedTime: s.LastObservedTime}
	}
}

func convertEventFromCore(in *corev1.Event, out *eventsv1.Event) {
	*out = eventsv1.Event{
		ObjectMeta:               in.ObjectMeta,
		EventTime:                in.EventTime,
		ReportingController:      in.ReportingController,
		ReportingInstance:        in.ReportingInstance,
		Action:                   in.Action,
		Reason:                   in.Reason,
		Regarding:                in.InvolvedObject,
		Related:                  in.Related,
		Note:                     in.Message,
		Type:                     in.Type,
		DeprecatedSource:         in.Source,
		DeprecatedFirstTimestamp: in.FirstTimestamp,
		DeprecatedLastTimestamp:  in.LastTimestamp,
		DeprecatedCount:          in.Count,
	}
	if s := in.Series; s != nil {
		out.Series = &eventsv1.EventSeries{Count: s.Count, LastObservedTime: s.LastObservedTime}
	}
}

func convertEventsToCore(in *eventsv1.EventList, out *corev1.EventList) {
	*out = corev1.EventList{ListMeta: in.ListMeta}
	if in.Items != nil {
		out.Items = make([]corev1.Event, len(in.Items))
	}
	for i := range in.Items {
		convertEventToCore(&in.Items[i], &out.Items[i])
	}
}

func convertEventsFromCore(in *corev1.EventList, out *eventsv1.EventList) {
	*out = eventsv1.EventList{ListMeta: in.ListMeta}
	if in.Items != nil {
		out.Items = make([]eventsv1.Event, len(in.Items))
	}
	for i := range in.Items {
		convertEventFromCore(&in.Items[i], &out.Items[i])
	}
}

func addEventConversions(scheme *runtime.Scheme) error {
	for _, add := range []func(*runtime.Scheme) error{
		converts(convertEventToCore), converts(convertEventFromCore),
		converts(convertEventsToCore), converts(convertEventsFromCore),
	} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	return nil
}

// converts makes a typed conversion, which cannot fail, known to a scheme.
func converts[In, Out any](convert func(in *In, out *Out)) func(*runtime.Scheme) error {
	return func(scheme *runtime.Scheme) error {
		return scheme.AddConversionFunc((*In)(nil), (*Out)(nil), func(in, out any, _ conversion.Scope) error {
			convert(in.(*In), out.(*Out))
			return nil
		})
	}
}
