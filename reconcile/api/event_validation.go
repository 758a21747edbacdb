package api

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Bounds of what an Event with eventTime says, as upstream sets them.
const (
	maxEventWords = 128  // bytes of action, reason and reportingInstance
	maxEventNote  = 1024 // bytes of the message
)

// validateEvent is what both groups hold: old reporters, which set no eventTime, may leave out nearly everything.
func validateEvent(e *corev1.Event) field.ErrorList {
	var errs field.ErrorList
	if !inNamespaceOfObject(e) {
		errs = append(errs, field.Invalid(field.NewPath("involvedObject", "namespace"), e.InvolvedObject.Namespace, "does not match event.namespace"))
	}
	if !e.EventTime.IsZero() {
		errs = append(errs, validateEventReport(e)...)
	}
	return append(errs, invalid(field.NewPath("namespace"), e.Namespace, validation.IsDNS1123Subdomain(e.Namespace))...)
}

// inNamespaceOfObject: Events of a node, or of what else has no namespace, live in default, and since eventTime also in kube-system.
func inNamespaceOfObject(e *corev1.Event) bool {
	old := e.EventTime.IsZero()
	switch about := e.InvolvedObject.Namespace; {
	case about == "":
		return e.Namespace == "" || e.Namespace == metav1.NamespaceDefault || !old && e.Namespace == metav1.NamespaceSystem
	case old:
		return about == e.Namespace
	}
	return true
}

// validateEventReport wants to know who did what and why.
func validateEventReport(e *corev1.Event) field.ErrorList {
	errs := requiredName(e.ReportingController, field.NewPath("reportingController"), validation.IsQualifiedName)
	for _, member := range []struct {
		name, value string
	}{
		{"reportingInstance", e.ReportingInstance},
		{"action", e.Action},
		{"reason", e.Reason},
	} {
		if member.value == "" {
			errs = append(errs, field.Required(field.NewPath(member.name), ""))
		} else if len(member.value) > maxEventWords {
			errs = append(errs, field.Invalid(field.NewPath(member.name), "", fmt.Sprintf("can have at most %d characters", maxEventWords)))
		}
	}
	if len(e.Message) > maxEventNote {
		errs = append(errs, field.Invalid(field.NewPath("message"), "", fmt.Sprintf("can have at most %d characters", maxEventNote)))
	}
	return errs
}

// validateEventV1Create wants a reporter of the new group to leave alone what it calls deprecated.
func validateEventV1Create(e *corev1.Event) field.ErrorList {
	errs := validateEventSeries(e.Series)
	if e.EventTime.IsZero() {
		errs = append(errs, field.Required(field.NewPath("eventTime"), ""))
	}
	if e.Type != corev1.EventTypeNormal && e.Type != corev1.EventTypeWarning {
		errs = append(errs, field.Invalid(field.NewPath("type"), "", "has invalid value: "+e.Type))
	}
	for _, member := range []struct {
		name string
		set  bool
	}{
		{"firstTimestamp", !e.FirstTimestamp.IsZero()},
		{"lastTimestamp", !e.LastTimestamp.IsZero()},
		{"count", e.Count != 0},
		{"source", e.Source != corev1.EventSource{}},
	} {
		if member.set {
			errs = append(errs, field.Invalid(field.NewPath(member.name), "", "needs to be unset"))
		}
	}
	return errs
}

func validateEventSeries(s *corev1.EventSeries) field.ErrorList {
	var errs field.ErrorList
	if s != nil && s.Count < 2 {
		errs = append(errs, field.Invalid(field.NewPath("series", "count"), "", "should be at least 2"))
	}
	if s != nil && s.LastObservedTime.IsZero() {
		errs = append(errs, field.Required(field.NewPath("series", "lastObservedTime"), ""))
	}
	return errs
}

// validateEventV1Update lets only the series go on: an Event of the new group says what happened once and for all.
func validateEventV1Update(e, old *corev1.Event) field.ErrorList {
	var errs field.ErrorList
	if (e.Series == nil) != (old.Series == nil) || e.Series != nil && *e.Series != *old.Series {
		errs = validateEventSeries(e.Series)
	}
	for _, member := range []struct {
		name     string
		now, was any
	}{
		{"involvedObject", e.InvolvedObject, old.InvolvedObject},
		{"reason", e.Reason, old.Reason},
		{"message", e.Message, old.Message},
		{"source", e.Source, old.Source},
		{"firstTimestamp", e.FirstTimestamp, old.FirstTimestamp},
		{"lastTimestamp", e.LastTimestamp, old.LastTimestamp},
		{"count", e.Count, old.Count},
		{"type", e.Type, old.Type},
		{"eventTime", e.EventTime, old.EventTime},
		{"action", e.Action, old.Action},
		{"related", e.Related, old.Related},
		{"reportingController", e.ReportingController, old.ReportingController},
		{"reportingInstance", e.ReportingInstance, old.ReportingInstance},
	} {
		errs = append(errs, apivalidation.ValidateImmutableField(member.now, member.was, field.NewPath(member.name))...)
	}
	return errs
}
