package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "coracle.dev/coracle/"

// room is a package, or with "/..." also all below it, and what of ours it may import. A package is in the first room that it
// matches; one that matches none fails the test, so that a new room comes with a decision.
type room struct {
	path    string
	imports []string
	because string
}

var rooms = []room{
	{"cmd/...", []string{"gitsource", "reconcile/...", "runtime/..."}, "commands name the implementations and wire them; nothing but commands may"},
	{"deploy", nil, "it is files, with tests that use them as people do"},
	{"examples/fleet/...", []string{"examples/...", "runtime/enginetest/machine"}, "a fleet is made of the machines that tests run engines on; coracle it uses as people do"},
	{"examples/...", []string{"examples/...", "reconcile/api/...", "runtime"}, "examples use coracle as people do, by its command and its API"},
	{"gitsource", nil, "where manifests come from is of use without Kubernetes, and without us"},
	{"reconcile", []string{"gitsource", "reconcile/manifest", "reconcile/api/v1alpha1"}, "the GitOps loop is only a client: any Kubernetes may be on the other end"},
	{"reconcile/manifest", nil, "reading files into objects is pure, and the same for any cluster"},
	{"reconcile/api/v1alpha1", nil, "others import our kinds to speak to us: they should get nothing else"},
	{"reconcile/api/...", []string{"reconcile/api/v1alpha1"}, "kinds are pure: defaults, validation and tables without a server"},
	{"reconcile/apiserver", []string{"reconcile/api", "reconcile/api/...", "reconcile/metrics", "reconcile/apiserver/..."}, "the API server serves kinds; who acts on them is not its business"},
	{"reconcile/apiserver/...", nil, "who may do what, and who is who, needs no server"},
	{"reconcile/metrics", nil, "figures become rates the same way whoever serves them"},
	{"reconcile/controller", nil, "what controllers share knows none of them"},
	{"reconcile/controller/resourcequota", []string{"reconcile/controller", "reconcile/api/quota"}, "what an object uses is measured alike at admission and ever after"},
	{"reconcile/controller/*", []string{"reconcile/controller"}, "controllers meet only through objects: a sibling's code is a second way"},
	{"runtime", nil, "the interface knows no engine"},
	{"runtime/docker/...", []string{"runtime", "runtime/docker/..."}, "an engine implements the interface, and knows no node"},
	{"runtime/memory", []string{"runtime", "runtime/enginetest/app"}, "an engine implements the interface, and knows no node"},
	{"runtime/enginetest/...", []string{"runtime", "runtime/enginetest/..."}, "the contract is the same for all engines, so it names none"},
	{"runtime/node/...", []string{"runtime", "runtime/node/..."}, "a node drives any engine, and reaches the daemon through the API alone"},
	{"runtime/network/...", []string{"runtime/network/..."}, "rules are made of objects alone"},
}

// guests are libraries that have one place, and its reason; examples and tests, which are the other side, may use them as well. ""
// as the place is none: not even by way of another library.
var guests = []struct{ library, place, because string }{
	{"k8s.io/kubernetes", "", "it is not made to be imported; what we need of it is in the k8s.io libraries"},
	{"k8s.io/apiserver", "reconcile/apiserver", "the API server is a library behind one room; all others are its clients"},
	{"go.etcd.io/etcd", "reconcile/apiserver", "the store is behind the API server"},
	{"github.com/docker/docker", "runtime/docker", "Docker is behind runtime.Engine, or another engine could never stand there"},
	{"github.com/go-git/go-git", "gitsource", "Git is behind gitsource.Source, where its quirks are dealt with"},
	{"k8s.io/kubectl/pkg/cmd", "cmd/coracle", "kubectl is a verb"},
	{"github.com/spf13/cobra", "cmd/coracle", "flags end at the command line: rooms take options"},
}

type goPackage struct {
	ImportPath                string
	Imports, Deps             []string // Deps are also those of others
	TestImports, XTestImports []string
}

// TestImportsRunOneWay holds what DESIGN.md says of imports. Tests may import what they test against.
func TestImportsRunOneWay(t *testing.T) {
	for _, breach := range breaches(listPackages(t)) {
		t.Error(breach)
	}
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Deps,TestImports,XTestImports", "./...")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		var exited *exec.ExitError
		if errors.As(err, &exited) {
			t.Fatalf("go list: %v\n%s", err, exited.Stderr)
		}
		t.Fatal(err)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var one goPackage
		if err := decoder.Decode(&one); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, one)
	}
}

// breaches says which imports break which rule, and why it is there.
func breaches(packages []goPackage) []string {
	var found []string
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module)
		found = append(found, roomBreaches(name, p.Imports)...)
		for _, guest := range guests {
			imports := p.Imports
			switch {
			case guest.place == "":
				imports = slices.Concat(p.Deps, p.TestImports, p.XTestImports)
			case isBelow(name, "examples"):
				imports = nil
			}
			for _, imported := range imports {
				if isBelow(imported, guest.library) && (guest.place == "" || !isBelow(name, guest.place)) {
					found = append(found, fmt.Sprintf("%s imports %s: %s", name, imported, guest.because))
				}
			}
		}
		if isBelow(name, "runtime/node") {
			for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
				if isBelow(imported, module+"runtime/docker") {
					found = append(found, name+" imports runtime/docker in a test: the node is tested against the contract")
				}
			}
		}
	}
	return found
}

func roomBreaches(name string, imports []string) []string {
	in := slices.IndexFunc(rooms, func(r room) bool { return matches(r.path, name) })
	if in < 0 {
		return []string{name + " is in no room of this table"}
	}
	var found []string
	for _, imported := range imports {
		other, ours := strings.CutPrefix(imported, module)
		if ours && !slices.ContainsFunc(rooms[in].imports, func(pattern string) bool { return matches(pattern, other) }) {
			found = append(found, fmt.Sprintf("%s imports %s: %s", name, other, rooms[in].because))
		}
	}
	return found
}

// matches takes a path, a path and all below it ("a/..."), or what is right below it ("a/*").
func matches(pattern, name string) bool {
	if top, all := strings.CutSuffix(pattern, "/..."); all {
		return isBelow(name, top)
	}
	if top, each := strings.CutSuffix(pattern, "/*"); each {
		rest, below := strings.CutPrefix(name, top+"/")
		return below && !strings.Contains(rest, "/")
	}
	return pattern == name
}

// isBelow also holds for the path itself.
func isBelow(name, path string) bool { return name == path || strings.HasPrefix(name, path+"/") }

func TestBreachesAreFound(t *testing.T) {
	got := breaches([]goPackage{
		{ImportPath: module + "gitsource", Imports: []string{"fmt", module + "reconcile"}},
		{ImportPath: module + "reconcile/controller/deployment", Imports: []string{module + "reconcile/controller", module + "reconcile/controller/replicaset"}},
		{ImportPath: module + "reconcile", Imports: []string{module + "gitsource", module + "runtime"}},
		{ImportPath: module + "runtime/node", Imports: []string{module + "runtime", "github.com/docker/docker/client"}, XTestImports: []string{module + "runtime/docker"}},
		{ImportPath: module + "cmd/coracle", Imports: []string{module + "runtime/docker"}, Deps: []string{"k8s.io/kubernetes/pkg/apis/core"}},
		{ImportPath: module + "common"},
	})
	want := []string{
		"gitsource imports reconcile: where manifests come from is of use without Kubernetes, and without us",
		"reconcile/controller/deployment imports reconcile/controller/replicaset: controllers meet only through objects: a sibling's code is a second way",
		"reconcile imports runtime: the GitOps loop is only a client: any Kubernetes may be on the other end",
		"runtime/node imports github.com/docker/docker/client: Docker is behind runtime.Engine, or another engine could never stand there",
		"runtime/node imports runtime/docker in a test: the node is tested against the contract",
		"cmd/coracle imports k8s.io/kubernetes/pkg/apis/core: it is not made to be imported; what we need of it is in the k8s.io libraries",
		"common is in no room of this table",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
