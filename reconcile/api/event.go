package api

import (
	"cmp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
)

// event and eventV1 serve the same stored objects in two shapes: the funcs of both think in core/v1.
var (
	event = Of[*corev1.Event]{
		Version: "v1", Kind: "Event", Resource: "events", Singular: "event",
		ShortNames: []string{"ev"}, Namespaced: true,
		New:                 func() *corev1.Event { return &corev1.Event{} },
		NewList:             func() runtime.Object { return &corev1.EventList{} },
		Validate:            validateEvent,
		AllowCreateOnUpdate: true,
		Fields:              eventFields,
		Columns:             eventColumns,
		Row:                 eventRow,
	}
	eventV1 = Of[*corev1.Event]{
		Group: eventsv1.GroupName, Version: "v1", Kind: "Event", Resource: "events", Singular: "event",
		ShortNames: []string{"ev"}, Namespaced: true,
		New:                 func() *corev1.Event { return &corev1.Event{} },
		NewList:             func() runtime.Object { return &corev1.EventList{} },
		Served:              func() runtime.Object { return &eventsv1.Event{} },
		ServedList:          func() runtime.Object { return &eventsv1.EventList{} },
		Convert:             addEventConversions,
		Validate:            validateEvent,
		ValidateCreate:      validateEventV1Create,
		ValidateUpdate:      validateEventV1Update,
		AllowCreateOnUpdate: true,
		Fields:              eventFields,
		FieldNames:          eventV1Fields,
		Columns:             eventColumns,
		Row:                 eventRow,
	}
)

func eventFields(e *corev1.Event) fields.Set {
	about := e.InvolvedObject
	return fields.Set{
		"involvedObject.kind":            about.Kind,
		"involvedObject.namespace":       about.Namespace,
		"involvedObject.name":            about.Name,
		"involvedObject.uid":             string(about.UID),
		"involvedObject.apiVersion":      about.APIVersion,
		"involvedObject.resourceVersion": about.ResourceVersion,
		"involvedObject.fieldPath":       about.FieldPath,
		"reason":                         e.Reason,
		"reportingComponent":             e.ReportingController,
		"source":                         cmp.Or(e.Source.Component, e.ReportingController),
		"type":                           e.Type,
	}
}

// eventV1Fields are the same in the words of events.k8s.io.
var eventV1Fields = map[string]string{
	"regarding.kind":            "involvedObject.kind",
	"regarding.namespace":       "involvedObject.namespace",
	"regarding.name":            "involvedObject.name",
	"regarding.uid":             "involvedObject.uid",
	"regarding.apiVersion":      "involvedObject.apiVersion",
	"regarding.resourceVersion": "involvedObject.resourceVersion",
	"regarding.fieldPath":       "involvedObject.fieldPath",
	"reason":                    "reason",
	"reportingController":       "reportingComponent",
	"type":                      "type",
}

var eventColumns = []metav1.TableColumnDefinition{
	column("Last Seen", "string", "How long ago it happened last."),
	column("Type", "string", "Normal or Warning."),
	column("Reason", "string", "What happened, in one word."),
	column("Object", "string", "What it happened to."),
	wide("Subobject", "string", "Part of the object that is meant."),
	wide("Source", "string", "Who reported it."),
	column("Message", "string", "What happened, in a sentence."),
	wide("First Seen", "string", "How long ago it happened first."),
	wide("Count", "integer", "How often it has happened."),
	wide("Name", "string", "Name of the Event."),
}

func eventRow(e *corev1.Event, now time.Time) []any {
	first, last := e.FirstTimestamp, e.LastTimestamp
	if first.IsZero() {
		first = metav1.Time(e.EventTime)
	}
	if last.IsZero() {
		last = first
	}
	count := cmp.Or(e.Count, 1) // an Event that happened once need not count
	if e.Series != nil {
		last, count = metav1.Time(e.Series.LastObservedTime), e.Series.Count
	}
	about := strings.ToLower(e.InvolvedObject.Kind)
	if e.InvolvedObject.Name != "" {
		about += "/" + e.InvolvedObject.Name
	}
	return []any{
		age(last, now), e.Type, e.Reason, about, e.InvolvedObject.FieldPath, eventSource(e),
		strings.TrimSpace(e.Message), age(first, now), int64(count), e.Name,
	}
}

// eventSource is "kubelet, node-1", of which only the first must be there.
func eventSource(e *corev1.Event) string {
	component, instance := cmp.Or(e.Source.Component, e.ReportingController), cmp.Or(e.Source.Host, e.ReportingInstance)
	if instance == "" {
		return component
	}
	return component + ", " + instance
}
