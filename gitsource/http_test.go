package gitsource

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// backend is git http-backend over all repositories beside r, behind basic authentication.
func backend(t testing.TB, r *repository) http.Handler {
	t.Helper()
	program := filepath.Join(command(t, "", "git", "--exec-path"), "git-http-backend")
	if _, err := os.Stat(program); err != nil {
		t.Skipf("%s is missing (Debian: git)", program)
	}
	cgi := &cgi.Handler{Path: program, Stderr: io.Discard, Logger: log.New(io.Discard, "", 0), Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(r.bare), "GIT_HTTP_EXPORT_ALL=1",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if user, password, _ := request.BasicAuth(); user != "ada" || password != secret {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		cgi.ServeHTTP(w, request)
	})
}

func serve(t testing.TB, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// withUser puts credentials into a URL.
func withUser(address, user, password string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	first := r.push("one", "web.yaml", "v1")
	address := serve(t, backend(t, r)) + "/shop.git"
	passwordFile := filepath.Join(t.TempDir(), "token")
	writeFiles(t, "/", passwordFile, secret+"\n")

	for name, change := range map[string]func(*GitOptions){
		"user in the URL": func(o *GitOptions) { o.URL = withUser(address, "ada", secret) },
		"options":         func(o *GitOptions) { o.Username, o.Password = "ada", secret },
		"file":            func(o *GitOptions) { o.Username, o.PasswordFile = "ada", passwordFile },
		"trailing slash":  func(o *GitOptions) { o.URL = withUser(address, "ada", secret) + "/" },
	} {
		t.Run(name, func(t *testing.T) {
			options := r.options()
			options.URL = address
			change(&options)
			source := newGit(t, options)
			if got := fetch(t, source); got.ID != first || got.Ref != "main" || read(t, got.Files, "web.yaml") != "v1" {
				t.Errorf("fetched %+v", got.Revision)
			}
			if strings.Contains(source.String(), "ada") || !strings.HasSuffix(source.String(), "/shop.git") {
				t.Errorf("String is %q", source)
			}
		})
	}
}

func TestHTTPFollowsWithFewRequests(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.push("one", "web.yaml", "v1")
	requests := 0
	handler := backend(t, r)
	options := r.options()
	options.URL = withUser(serve(t, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		requests++
		handler.ServeHTTP(w, request)
	}))+"/shop.git", "ada", secret)
	source := newGit(t, options)
	fetch(t, source)
	second := r.push("two", "web.yaml", "v2")
	r.git("tag", "other")
	r.git("push", "-q", "--tags", "origin")
	if got := fetch(t, source); got.ID != second {
		t.Errorf("fetched %s", got.ID)
	}
	requests = 0
	fetch(t, source)
	if requests != 1 {
		t.Errorf("a Fetch with nothing new took %d requests, want only the list of refs", requests)
	}
}

func TestHTTPFetchesACommit(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	first := r.push("one", "web.yaml", "v1")
	r.push("two", "web.yaml", "v2")
	address := withUser(serve(t, backend(t, r))+"/shop.git", "ada", secret)
	for _, allowed := range []string{"false", "true"} {
		command(t, r.bare, "git", "config", "uploadpack.allowReachableSHA1InWant", allowed)
		options := r.options()
		options.URL, options.Ref = address, first
		source := newGit(t, options)
		if got := fetch(t, source); got.ID != first || read(t, got.Files, "web.yaml") != "v1" {
			t.Errorf("allowed %s: fetched %s", allowed, got.ID)
		}
		options.Ref, options.CacheDir = strings.Repeat("ab", 20), filepath.Join(t.TempDir(), "cache")
		_, err := newGit(t, options).Fetch(t.Context())
		wantError(t, err, ErrNotFound, options.Ref, "on any branch or tag")
	}
}

func TestHTTPErrors(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.push("one", "web.yaml", "v1")
	good := serve(t, backend(t, r))
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	refused := closed.Addr().String()
	answer := func(status int, header, value, body string) string {
		return serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(header, value)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
	}
	for name, test := range map[string]struct {
		url   string
		kind  error
		words []string
	}{
		"no credentials":    {good + "/shop.git", ErrAuth, []string{"credentials"}},
		"wrong password":    {withUser(good+"/shop.git", "ada", "no"+secret), ErrAuth, []string{"/shop.git"}},
		"no repository":     {withUser(good+"/nope.git", "ada", secret), ErrNotFound, []string{"/nope.git"}},
		"closed port":       {withUser("http://"+refused+"/shop.git", "ada", secret), ErrUnreachable, []string{refused, "refused"}},
		"no such host":      {withUser("https://git.invalid/shop.git", "ada", secret), ErrUnreachable, []string{"git.invalid"}},
		"not TLS":           {withUser(strings.Replace(good, "http:", "https:", 1)+"/shop.git", "ada", secret), ErrUnreachable, []string{"TLS"}},
		"forbidden":         {answer(403, "X", "y", "no"), ErrAuth, []string{"does not allow"}},
		"broken server":     {withUser(answer(502, "X", "y", secret), "ada", secret) + "/x", ErrUnreachable, []string{"502"}},
		"a web page":        {answer(200, "Content-Type", "text/html", "<html>hello</html>") + "/x", ErrUnreachable, []string{"Git server"}},
		"an empty answer":   {answer(200, "X", "y", "") + "/x", ErrUnreachable, nil},
		"a login page":      {answer(302, "Location", "/login", "") + "/x", ErrAuth, []string{"login"}},
		"an unknown port":   {"http://127.0.0.1:99999/shop.git", ErrInvalid, []string{"99999"}},
		"a strange refusal": {answer(418, "X", "y", "teapot") + "/x", ErrNotFound, []string{"418"}},
	} {
		t.Run(name, func(t *testing.T) {
			options := r.options()
			options.URL = test.url
			if !strings.Contains(strings.TrimPrefix(test.url, "http://"), "/") {
				options.URL += "/x"
			}
			source, err := NewGit(options)
			if err == nil {
				_, err = source.Fetch(t.Context())
			}
			wantError(t, err, test.kind, test.words...)
		})
	}
}

func TestHTTPTrustsTheCAFile(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	commit := r.push("one", "web.yaml", "v1")
	server := httptest.NewUnstartedServer(backend(t, r))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it is told of the bad certificate
	server.StartTLS()
	t.Cleanup(server.Close)
	options := r.options()
	options.URL = withUser(server.URL+"/shop.git", "ada", secret)
	_, err := newGit(t, options).Fetch(t.Context())
	wantError(t, err, ErrHostKey, "certificate", "127.0.0.1")

	options.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	writeFiles(t, "/", options.CAFile, string(certificate))
	if got := fetch(t, newGit(t, options)); got.ID != commit {
		t.Errorf("fetched %s", got.ID)
	}
}

func TestHTTPFetchCanBeCancelled(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	commit := r.push("one", "web.yaml", "v1")
	handler := backend(t, r)
	asked, silent := make(chan struct{}), make(chan struct{})
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodPost {
			select {
			case <-silent:
			default:
				close(asked)
				<-silent
				return
			}
		}
		handler.ServeHTTP(w, request)
	}))
	options := r.options()
	options.URL = withUser(address+"/shop.git", "ada", secret)
	source := newGit(t, options)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := source.Fetch(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled in the middle: %v", err)
	}
	close(silent)
	if got := fetch(t, source); got.ID != commit {
		t.Errorf("afterwards: %s", got.ID)
	}
}

func TestHTTPFetchHasATimeout(t *testing.T) {
	t.Parallel()
	silent := make(chan struct{})
	address := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-silent }))
	defer close(silent)
	source := newGit(t, GitOptions{URL: address + "/shop.git", CacheDir: t.TempDir(), Timeout: 1})
	_, err := source.Fetch(t.Context())
	wantError(t, err, ErrUnreachable, "did not end within")
}

func TestCloseEndsAFetch(t *testing.T) {
	t.Parallel()
	asked, silent := make(chan struct{}), make(chan struct{})
	address := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(asked); <-silent }))
	defer close(silent)
	source := newGit(t, GitOptions{URL: address + "/shop.git", CacheDir: t.TempDir()})
	go func() { <-asked; source.Close() }()
	if _, err := source.Fetch(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Fetch of a closed source: %v", err)
	}
}

// TestPartialFetch has a server that can leave large files out.
func TestPartialFetch(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	command(t, r.bare, "git", "config", "uploadpack.allowFilter", "true")
	r.push("one", "web.yaml", "v1", "large.bin", strings.Repeat("x", 5000), "limit.bin", strings.Repeat("y", 4096))
	options := r.options()
	options.URL = withUser(serve(t, backend(t, r))+"/shop.git", "ada", secret)
	options.Limits.FileBytes = 4096
	options.Limits.ObjectBytes = 4097
	source := newGit(t, options)
	got := fetch(t, source)
	if len(read(t, got.Files, "limit.bin")) != 4096 {
		t.Error("a file at the limit is not whole")
	}
	_, err := got.Files.Open("large.bin")
	wantError(t, err, ErrTooLarge, "large.bin", "4.0 KiB")
	second := r.push("two", "web.yaml", "v2")
	if next := fetch(t, source); next.ID != second || read(t, next.Files, "web.yaml") != "v2" {
		t.Errorf("a further partial fetch brought %s", next.ID)
	}
}
