package api

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// golden compares got with testdata/<name>.golden, or writes it there with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// documents are those of testdata/<name>.yaml.
func documents(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n---\n")
}

// objectsIn reads the documents of testdata/<name>.yaml as objects of the kind, without defaults.
func objectsIn(t *testing.T, kind Kind, name string) []runtime.Object {
	t.Helper()
	var objects []runtime.Object
	for _, document := range documents(t, name) {
		obj := kind.New()
		if err := yaml.UnmarshalStrict([]byte(document), obj); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		objects = append(objects, obj)
	}
	return objects
}

// table prints objects as `kubectl get -o wide` does.
func table(kind Kind, objects []runtime.Object, now time.Time) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 8, 3, ' ', 0)
	for _, column := range kind.Columns {
		fmt.Fprint(w, strings.ToUpper(column.Name), "\t")
	}
	fmt.Fprintln(w)
	for _, obj := range objects {
		for _, cell := range kind.Row(obj, now) {
			fmt.Fprint(w, cell, "\t")
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	lines := strings.Split(text.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
