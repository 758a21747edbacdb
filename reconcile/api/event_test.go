package api

import (
	"math/rand"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	coreEvents = schema.GroupVersion{Version: "v1"}
	newEvents  = schema.GroupVersion{Group: "events.k8s.io", Version: "v1"}
)

func TestEventConversionLosesNothing(t *testing.T) {
	filler := fuzzer.FuzzerFor(metafuzzer.Funcs, rand.NewSource(1), Codecs)
	for range 100 {
		var core, coreBack corev1.EventList
		var served, servedBack eventsv1.EventList
		filler.Fill(&core)
		filler.Fill(&served)
		dropTypes(&core, &served)

		convertEventsFromCore(&core, &servedBack)
		convertEventsToCore(&servedBack, &coreBack)
		same(t, "core to events.k8s.io and back", core, coreBack)

		convertEventsToCore(&served, &coreBack)
		convertEventsFromCore(&coreBack, &servedBack)
		same(t, "events.k8s.io to core and back", served, servedBack)
	}
}

// dropTypes clears kind and apiVersion, which a conversion leaves to the scheme.
func dropTypes(core *corev1.EventList, served *eventsv1.EventList) {
	core.TypeMeta, served.TypeMeta = metav1.TypeMeta{}, metav1.TypeMeta{}
	for i := range core.Items {
		core.Items[i].TypeMeta = metav1.TypeMeta{}
	}
	for i := range served.Items {
		served.Items[i].TypeMeta = metav1.TypeMeta{}
	}
}

// What one group writes, the other reads, field by field.
func TestEventsAreServedInBothShapes(t *testing.T) {
	const written = `{"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"web.1","namespace":"shop"},
		"eventTime":"2026-01-02T03:04:05.000006Z","reportingController":"example.com/watcher","reportingInstance":"w-1",
		"action":"Watch","reason":"Seen","regarding":{"kind":"Pod","name":"web"},"note":"It is there.","type":"Normal",
		"deprecatedSource":{"component":"kubelet"},"deprecatedCount":2,"series":{"count":3,"lastObservedTime":"2026-01-02T03:04:06.000000Z"}}`
	hub, err := runtime.Decode(Codecs.UniversalDecoder(schema.GroupVersion{Group: newEvents.Group, Version: runtime.APIVersionInternal}), []byte(written))
	if err != nil {
		t.Fatal(err)
	}
	if _, core := hub.(*corev1.Event); !core {
		t.Fatalf("the hub is %T, want *v1.Event of core", hub)
	}
	stored, err := runtime.Encode(Codecs.LegacyCodec(coreEvents), hub)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"kind":"Event","apiVersion":"v1","metadata":{"name":"web.1","namespace":"shop"},` +
		`"involvedObject":{"kind":"Pod","name":"web"},"reason":"Seen","message":"It is there.","source":{"component":"kubelet"},` +
		`"firstTimestamp":null,"lastTimestamp":null,"count":2,"type":"Normal","eventTime":"2026-01-02T03:04:05.000006Z",` +
		`"series":{"count":3,"lastObservedTime":"2026-01-02T03:04:06.000000Z"},"action":"Watch",` +
		`"reportingComponent":"example.com/watcher","reportingInstance":"w-1"}` + "\n"
	if diff := cmp.Diff(want, string(stored)); diff != "" {
		t.Errorf("as core/v1 (-want +got):\n%s", diff)
	}
	again, err := runtime.Encode(Codecs.LegacyCodec(newEvents), hub)
	if err != nil {
		t.Fatal(err)
	}
	if _, same, _ := Codecs.UniversalDeserializer().Decode(again, nil, nil); same.GroupVersion() != newEvents {
		t.Errorf("encoded for %s as %s", newEvents, same)
	}
}

func TestEventListsAreServedInBothShapes(t *testing.T) {
	hub := &corev1.EventList{Items: []corev1.Event{{Message: "It is there."}}}
	for _, version := range []schema.GroupVersion{coreEvents, newEvents} {
		text, err := runtime.Encode(Codecs.LegacyCodec(version), hub)
		if err != nil {
			t.Fatal(err)
		}
		back, err := runtime.Decode(Codecs.UniversalDecoder(schema.GroupVersion{Group: version.Group, Version: runtime.APIVersionInternal}), text)
		if err != nil {
			t.Fatal(err)
		}
		if got := back.(*corev1.EventList); len(got.Items) != 1 || got.Items[0].Message != "It is there." {
			t.Errorf("%s: %s", version, text)
		}
	}
}

func TestEventFieldSelectorsInTheWordsOfTheirGroup(t *testing.T) {
	for _, test := range []struct {
		version    schema.GroupVersion
		name, want string
	}{
		{coreEvents, "involvedObject.name", "involvedObject.name"},
		{coreEvents, "source", "source"},
		{coreEvents, "regarding.name", ""},
		{newEvents, "regarding.name", "involvedObject.name"},
		{newEvents, "reportingController", "reportingComponent"},
		{newEvents, "metadata.name", "metadata.name"},
		{newEvents, "involvedObject.name", ""},
	} {
		got, _, err := Scheme.ConvertFieldLabel(test.version.WithKind("Event"), test.name, "x")
		if got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%s in %s: %q, %v; want %q", test.name, test.version, got, err, test.want)
		}
	}
}
