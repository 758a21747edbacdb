package manifest

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// TestLimits wants one error that holds each case's words, and the good object beside it.
func TestLimits(t *testing.T) {
	good := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n"
	small := Limits{FileBytes: 4096, TotalBytes: 8192, Files: 8, Objects: 5, Depth: 20, Nodes: 500}
	for name, test := range map[string]struct {
		files map[string]string
		want  string
		// all says that the limit is about the tree, so that nothing needs to load.
		all bool
	}{
		"large file":  {files: map[string]string{"a.yaml": strings.Repeat("# comment\n", 500)}, want: "a.yaml: file is larger than 4096 bytes"},
		"deep":        {files: map[string]string{"a.yaml": "a: " + strings.Repeat("[", 30) + strings.Repeat("]", 30)}, want: "a.yaml:1: values are nested deeper than 20"},
		"alias bomb":  {files: map[string]string{"a.yaml": aliasBomb()}, want: "more than 500 values once its aliases are replaced"},
		"alias cycle": {files: map[string]string{"a.yaml": "a: &a [*a]"}, want: "a.yaml:1: values are nested deeper than 20"},
		"NUL":         {files: map[string]string{"a.yaml": "a: b\nc: \x00"}, want: "a.yaml:2: file holds a NUL byte"},
		"latin 1":     {files: map[string]string{"a.yaml": "a: b\nc: \xfc"}, want: "a.yaml:2: file is not valid UTF-8"},
		"total": {files: map[string]string{"a.yaml": strings.Repeat("# comment\n", 400), "b.yaml": strings.Repeat("# comment\n", 400),
			"c.yaml": strings.Repeat("# comment\n", 400)}, want: "more than 8192 bytes in all", all: true},
		"files": {files: map[string]string{"a": "", "b": "", "c": "", "d": "", "e": "", "f": "", "g": "", "h": ""},
			want: "more than 8 files", all: true},
		"objects": {files: map[string]string{"a.yaml": manyObjects(6)}, want: "more than 5 objects", all: true},
		"bomb in a kustomization": {files: map[string]string{"k/kustomization.yaml": "resources: [a.yaml]", "k/a.yaml": aliasBomb()},
			want: "more than 500 values once its aliases are replaced"},
	} {
		t.Run(name, func(t *testing.T) {
			tree := fstest.MapFS{"good.yaml": {Data: []byte(good)}}
			for file, content := range test.files {
				tree[file] = &fstest.MapFile{Data: []byte(content)}
			}
			options := testOptions()
			options.Limits = small
			objects, errs := Load(tree, options)
			if len(errs) != 1 || !strings.Contains(errs[0].Error(), test.want) {
				t.Errorf("errors %v, want one with %q", errs, test.want)
			}
			if !test.all && len(objects) != 1 {
				t.Errorf("the good object did not load beside the bad file: %v", objects)
			}
		})
	}
}

// aliasBomb doubles its values ten times.
func aliasBomb() string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\na0: &a0 [x, x]\n")
	for i := range 10 {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	return b.String()
}

func manyObjects(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\ndata: {key: value}\n", i)
	}
	return b.String()
}

func TestTextForms(t *testing.T) {
	for name, text := range map[string]string{
		"byte order mark": "\xef\xbb\xbfapiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
		"carriage return": "apiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n  name: a\r\n---\r\n",
		"no last newline": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}",
		"directive":       "%YAML 1.1\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
		"merge key":       "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: &l {x: '1'}, annotations: {<<: *l, z: w}}\n",
		"end marker":      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n...\n",
	} {
		objects, errs := Load(fstest.MapFS{"a.yaml": {Data: []byte(text)}}, testOptions())
		if len(errs) > 0 || len(objects) != 1 || objects[0].Name != "a" {
			t.Errorf("%s: objects %v, errors %v", name, objects, errs)
		}
	}
}

func TestPathLimitsWhatIsLoadedButNotWhatIsNamed(t *testing.T) {
	tree := treeOf(`-- overlays/prod/kustomization.yaml --
resources: [../../base]
-- base/kustomization.yaml --
resources: [cm.yaml]
-- base/cm.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: base}
-- other.yaml --
broken: [`)
	options := testOptions()
	options.Path = "overlays/prod"
	if got, want := trace(Load(tree, options)), "base/cm.yaml:1: ConfigMap default/base\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	options.Path = "missing"
	if _, errs := Load(tree, options); len(errs) != 1 {
		t.Errorf("a missing path gave errors %v, want one", errs)
	}
}

func TestCacheParsesAFileOnce(t *testing.T) {
	options := testOptions()
	options.Cache = &Cache{}
	tree := fstest.MapFS{"a.yaml": {Data: []byte(manyObjects(3))}, "bad.yaml": {Data: []byte("a: [")}}
	first, firstErrs := Load(tree, options)
	second, secondErrs := Load(tree, options)
	if len(first) != 3 || len(second) != 3 || len(firstErrs) != 1 || len(secondErrs) != 1 {
		t.Fatalf("loaded %d then %d objects, %d then %d errors; want 3, 3, 1, 1", len(first), len(second), len(firstErrs), len(secondErrs))
	}
	if _, hit := options.Cache.files[cacheKey("a.yaml", tree["a.yaml"].Data)]; !hit || len(options.Cache.files) != 2 {
		t.Errorf("cache holds %d files, want a.yaml and bad.yaml", len(options.Cache.files))
	}
	for range keptLoads + 2 {
		Load(fstest.MapFS{}, options)
	}
	if len(options.Cache.files) != 0 {
		t.Errorf("%d files are kept for good", len(options.Cache.files))
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(manyObjects(2)), []byte("resources: [a.yaml]"))
	f.Add([]byte(aliasBomb()), []byte("resources: [https://example.org/x]"))
	f.Add([]byte("a: &a [*a]"), []byte("{"))
	f.Add([]byte("apiVersion: v1\nkind: List\nitems:\n- {kind: List, items: [1]}"), []byte("generators: ['{apiVersion: builtin}']"))
	f.Add([]byte("? [a]\n: b\n--- \n<<: 1"), []byte("patches: [{path: a.yaml}]"))
	f.Fuzz(func(t *testing.T, manifest, kustomization []byte) {
		options := testOptions()
		options.Limits = Limits{FileBytes: 1 << 16, TotalBytes: 1 << 18, Files: 10, Objects: 100, Depth: 50, Nodes: 5000}
		began := time.Now()
		objects, errs := Load(fstest.MapFS{
			"a.yaml": {Data: manifest}, "k/kustomization.yaml": {Data: kustomization}, "k/a.yaml": {Data: manifest},
		}, options)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %s", took)
		}
		for _, object := range objects {
			if object.Name == "" || object.Kind == "" || object.Content.GetAPIVersion() == "" || object.Digest == "" {
				t.Errorf("incomplete object %+v", object)
			}
		}
		for _, err := range errs {
			if err.Message == "" {
				t.Errorf("error without a message at %s", err.Position)
			}
		}
	})
}

func BenchmarkLoad1000(b *testing.B) {
	tree := fstest.MapFS{}
	for i := range 1000 {
		tree[fmt.Sprintf("%04d.yaml", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, `apiVersion: apps/v1
kind: Deployment
metadata: {name: web-%d}
spec:
  replicas: 3
  selector: {matchLabels: {app: web-%d}}
  template:
    metadata: {labels: {app: web-%d}}
    spec: {containers: [{name: web, image: web:v1, ports: [{containerPort: 80}]}]}
`, i, i, i)}
	}
	for _, cached := range []bool{false, true} {
		b.Run(fmt.Sprintf("cached=%v", cached), func(b *testing.B) {
			options := testOptions()
			if cached {
				options.Cache = &Cache{}
				Load(tree, options)
			}
			for b.Loop() {
				if objects, errs := Load(tree, options); len(objects) != 1000 || len(errs) > 0 {
					b.Fatal(len(objects), errs)
				}
			}
		})
	}
}
