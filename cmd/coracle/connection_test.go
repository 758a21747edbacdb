package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"coracle.dev/coracle/reconcile/api/v1alpha1"
)

func TestKubeconfigPath(t *testing.T) {
	for _, test := range []struct {
		kubeconfig, dataDir string
		given               bool
		environment, want   string
	}{
		{"", "/data", false, "", "/data/kubeconfig"},
		{"", "/data", true, "", "/data/kubeconfig"},
		{"", "/data", false, "/home/ada/config", ""},
		{"", "/data", true, "/home/ada/config", "/data/kubeconfig"},
		{"mine", "/data", true, "/home/ada/config", "mine"},
	} {
		if got := kubeconfigPath(test.kubeconfig, test.dataDir, test.given, test.environment); got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	isolate(t)
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("clusters: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ kubeconfig, dataDir, environment, want string }{
		{"", "/nowhere", "", "no daemon has run with data directory /nowhere; start one with: coracle serve --data-dir /nowhere"},
		{"/nowhere/config", "/data", "", "/nowhere/config: no such file"},
		{broken, "/data", "", "read " + broken},
		{"", "/data", "/nowhere/config", "$KUBECONFIG names no cluster; does the file exist?"},
	} {
		t.Setenv("KUBECONFIG", test.environment)
		c := connection{dataDir: test.dataDir, kubeconfig: test.kubeconfig, given: func(string) bool { return false }}
		if _, err := c.open(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v\ngot %v", test, err)
		}
	}
}

func TestExplain(t *testing.T) {
	r := &remote{address: "https://127.0.0.1:6443", config: "/data/kubeconfig"}
	request := func(err error) error {
		return fmt.Errorf("list: %w", &url.Error{Op: "Get", URL: "https://127.0.0.1:6443/apis", Err: err})
	}
	other := errors.New("something else")
	for _, test := range []struct {
		err  error
		want string
	}{
		{request(os.NewSyscallError("connect", syscall.ECONNREFUSED)), "the daemon at https://127.0.0.1:6443 does not answer; is it running? Start it with: coracle serve"},
		{request(x509.UnknownAuthorityError{}), "what listens at https://127.0.0.1:6443 is not the server that /data/kubeconfig is for: another authority signed its certificate"},
		{request(context.DeadlineExceeded), "the daemon at https://127.0.0.1:6443 did not answer in time"},
		{request(context.Canceled), "interrupted"},
		{apierrors.NewUnauthorized("no"), "the server at https://127.0.0.1:6443 refuses the credentials of /data/kubeconfig"},
		{other, "something else"},
	} {
		if got := r.explain(test.err); got.Error() != test.want {
			t.Errorf("got  %v\nwant %s", got, test.want)
		}
	}
	if err := r.explain(nil); err != nil {
		t.Errorf("nothing is explained as %v", err)
	}
}

func TestFindApplication(t *testing.T) {
	list := func(names ...string) (all []v1alpha1.Application) {
		for _, full := range names {
			namespace, name, _ := strings.Cut(full, "/")
			all = append(all, *application(namespace, name, v1alpha1.ApplicationStatus{}))
		}
		return all
	}
	many := list("a/shop", "b/blog", "b/shop", "default/blog", "default/default")
	for _, test := range []struct {
		all          []v1alpha1.Application
		wanted, want string
		absent       bool
	}{
		{many, "", "default/default", false},
		{many, "blog", "default/blog", false},
		{many, "b/blog", "b/blog", false},
		{many, "default/blog", "default/blog", false},
		{many, "shop", "which application? There are: a/shop, b/blog, b/shop, blog, default", false},
		{many, "other", `there is no application "other"; there are: a/shop, b/blog, b/shop, blog, default`, true},
		{list("a/shop", "b/blog"), "blog", "b/blog", false},
		{list("a/shop", "b/blog"), "", "which application? There are: a/shop, b/blog", false},
		{list("a/shop"), "", "a/shop", false},
		{nil, "", "there are no applications yet", true},
		{nil, "shop", "there are no applications yet", true},
	} {
		got, err := findApplication(test.all, test.wanted)
		text := ""
		if err != nil {
			text = err.Error()
		} else {
			text = got.Namespace + "/" + got.Name
		}
		var absent missing
		if text != test.want || errors.As(err, &absent) != test.absent {
			t.Errorf("%q: got %q (absent: %v), want %q", test.wanted, text, errors.As(err, &absent), test.want)
		}
	}
}
