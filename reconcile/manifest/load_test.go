package manifest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// testOptions serve core/v1 and apps/v1 with their Go types, and a kind Widget without one.
func testOptions() Options {
	scheme := runtime.NewScheme()
	_ = corev1.AddToScheme(scheme)
	_ = appsv1.AddToScheme(scheme)
	cluster := map[schema.GroupVersionKind]bool{corev1.SchemeGroupVersion.WithKind("Namespace"): true}
	served := map[schema.GroupVersionKind]bool{}
	var kinds []schema.GroupVersionKind
	for _, gvk := range []schema.GroupVersionKind{
		corev1.SchemeGroupVersion.WithKind("ConfigMap"), corev1.SchemeGroupVersion.WithKind("Secret"),
		corev1.SchemeGroupVersion.WithKind("Service"), corev1.SchemeGroupVersion.WithKind("Namespace"),
		appsv1.SchemeGroupVersion.WithKind("Deployment"), {Group: "example.org", Version: "v1", Kind: "Widget"},
	} {
		served[gvk] = true
		kinds = append(kinds, gvk)
	}
	return Options{
		Scheme: scheme,
		Kinds:  kinds,
		Served: func(gvk schema.GroupVersionKind) (bool, bool) { return !cluster[gvk], served[gvk] },
	}
}

// tree builds a file system from a text of "-- name --" headings and contents.
func treeOf(text string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, section := range strings.Split("\n"+text, "\n-- ")[1:] {
		name, content, _ := strings.Cut(section, " --\n")
		files[name] = &fstest.MapFile{Data: []byte(content + "\n")}
	}
	return files
}

// trace prints what a load gave, one line an object or error.
func trace(objects []Object, errs []*Error) string {
	var b strings.Builder
	for _, o := range objects {
		fmt.Fprintf(&b, "%s: %s\n", o.Position, o.Key)
	}
	for _, err := range errs {
		fmt.Fprintf(&b, "error: %v\n", err)
	}
	return b.String()
}

// TestLoad plays each testdata/<case>.txt, and compares with <case>.golden.
func TestLoad(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := trace(Load(treeOf(string(text)), testOptions()))
			golden := strings.TrimSuffix(file, ".txt") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
