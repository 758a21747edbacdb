package gitsource

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// sshServer is a real sshd on loopback, a child of the test, with its own host key and one authorized key.
type sshServer struct {
	user, port string
	hostKey    ssh.PublicKey
	keyFile    string // the private key that may log in
	known      string // a known_hosts file with the host key
}

func newSSHServer(t testing.TB) *sshServer {
	t.Helper()
	const program = "/usr/sbin/sshd"
	if _, err := os.Stat(program); err != nil {
		t.Skipf("%s is missing (Debian: openssh-server)", program)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &sshServer{user: me.Username, keyFile: filepath.Join(dir, "id"), known: filepath.Join(dir, "known_hosts")}
	s.hostKey = newKey(t, filepath.Join(dir, "host"))
	authorized := ssh.MarshalAuthorizedKey(newKey(t, s.keyFile))

	// Take a free port; sshd itself cannot be asked for one.
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = fmt.Sprint(free.Addr().(*net.TCPAddr).Port)
	free.Close()

	writeFiles(t, dir, "authorized", string(authorized),
		"known_hosts", fmt.Sprintf("[127.0.0.1]:%s %s", s.port, ssh.MarshalAuthorizedKey(s.hostKey)),
		"config", strings.Join([]string{
			"ListenAddress 127.0.0.1:" + s.port, "HostKey " + filepath.Join(dir, "host"),
			"AuthorizedKeysFile " + filepath.Join(dir, "authorized"), "PidFile none", "StrictModes no", "UsePAM no",
			"PasswordAuthentication no", "KbdInteractiveAuthentication no",
			"SetEnv GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=*", ""}, "\n"))
	if me.Uid == "0" {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd insists when root starts it
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-D", "-e", "-f", filepath.Join(dir, "config"))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1)
	go func() { // it says so when it listens
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			select {
			case said <- lines.Text():
			default:
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line := <-said; !strings.Contains(line, "listening") {
		t.Fatalf("sshd says: %s", line)
	}
	return s
}

// newKey writes a private key and returns the public one.
func newKey(t testing.TB, path string) ssh.PublicKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (s *sshServer) options(r *repository) GitOptions {
	options := r.options()
	options.URL = fmt.Sprintf("ssh://%s@127.0.0.1:%s%s", s.user, s.port, r.bare)
	options.KeyFile = s.keyFile
	options.KnownHostsFiles = []string{s.known}
	return options
}

func TestSSH(t *testing.T) {
	t.Parallel()
	server := newSSHServer(t)
	r := newRepository(t)
	r.bare = filepath.Join(t.TempDir(), "it's a shop!.git")
	command(t, "", "git", "init", "-q", "--bare", "-b", "main", r.bare)
	r.git("remote", "set-url", "origin", r.bare)
	first := r.push("one", "web.yaml", "v1")
	source := newGit(t, server.options(r))
	if got := fetch(t, source); got.ID != first || got.Ref != "main" || read(t, got.Files, "web.yaml") != "v1" {
		t.Errorf("fetched %+v", got.Revision)
	}
	if got := fetch(t, source); got.ID != first {
		t.Errorf("nothing new, but fetched %s", got.ID)
	}
	r.git("checkout", "-q", "--orphan", "other")
	second := r.push("rewritten", "web.yaml", "v2")
	r.git("push", "-q", "-f", "origin", "other:main")
	if got := fetch(t, source); got.ID != second || !got.Rewritten || read(t, got.Files, "web.yaml") != "v2" {
		t.Errorf("fetched %s, rewritten %v", got.ID, got.Rewritten)
	}
}

func TestSSHHostKeys(t *testing.T) {
	t.Parallel()
	server := newSSHServer(t)
	r := newRepository(t)
	r.push("one", "web.yaml", "v1")
	dir := t.TempDir()
	shown := ssh.FingerprintSHA256(server.hostKey)
	host := "[127.0.0.1]:" + server.port
	other := newKey(t, filepath.Join(dir, "other"))
	line := func(key ssh.PublicKey) string { return host + " " + string(ssh.MarshalAuthorizedKey(key)) }
	writeFiles(t, dir, "empty", "", "changed", line(other), "revoked", "@revoked "+line(server.hostKey), "broken", "what is this?\n")

	for file, test := range map[string]struct {
		kind  error
		words []string
	}{
		"missing": {ErrHostKey, []string{"unknown", "ssh-keyscan -p " + server.port + " -t ed25519 127.0.0.1 >> " + filepath.Join(dir, "missing")}},
		"empty":   {ErrHostKey, []string{"unknown", host}},
		"changed": {ErrHostKey, []string{"has changed", host, ssh.FingerprintSHA256(other), filepath.Join(dir, "changed") + ":1"}},
		"revoked": {ErrHostKey, []string{"revoked", host}},
		"broken":  {ErrInvalid, []string{"broken"}},
	} {
		t.Run(file, func(t *testing.T) {
			options := server.options(r)
			options.KnownHostsFiles = []string{filepath.Join(dir, file)}
			_, err := newGit(t, options).Fetch(t.Context())
			if test.kind == ErrHostKey {
				test.words = append(test.words, shown)
			}
			wantError(t, err, test.kind, test.words...)
		})
	}

	// A key that is added counts at the next fetch.
	options := server.options(r)
	options.KnownHostsFiles = []string{filepath.Join(dir, "later")}
	source := newGit(t, options)
	_, err := source.Fetch(t.Context())
	wantError(t, err, ErrHostKey)
	writeFiles(t, dir, "later", line(server.hostKey))
	fetch(t, source)
}

func TestSSHLogin(t *testing.T) {
	server := newSSHServer(t)
	r := newRepository(t)
	commit := r.push("one", "web.yaml", "v1")
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("SSH_AUTH_SOCK", "")
	newKey(t, filepath.Join(dir, "stranger"))
	// One round of the key derivation, where the Go library would take many.
	command(t, dir, "ssh-keygen", "-q", "-t", "ed25519", "-a", "1", "-N", secret, "-f", "locked")
	writeFiles(t, dir, "wrong", "wrong\n", "right", secret+"\n", "text", "no key")

	for name, test := range map[string]struct {
		key, passphrase string
		words           []string
	}{
		"no key":           {"", "", []string{"no SSH key"}},
		"missing file":     {"nope", "", []string{"nope", "cannot be read"}},
		"no key inside":    {"text", "", []string{"text", "cannot be used"}},
		"locked":           {"locked", "", []string{"passphrase"}},
		"wrong passphrase": {"locked", "wrong", []string{"cannot be used"}},
		"not authorized":   {"stranger", "", []string{"refuses the credentials"}},
		"right passphrase": {"locked", "right", []string{"refuses the credentials"}}, // unlocked, but a stranger too
	} {
		t.Run(name, func(t *testing.T) {
			options := server.options(r)
			options.KeyFile = ""
			if test.key != "" {
				options.KeyFile = filepath.Join(dir, test.key)
			}
			if test.passphrase != "" {
				options.KeyPassphraseFile = filepath.Join(dir, test.passphrase)
			}
			_, err := newGit(t, options).Fetch(t.Context())
			wantError(t, err, ErrAuth, test.words...)
		})
	}

	t.Run("agent", func(t *testing.T) {
		options := server.options(r)
		options.KeyFile = ""
		t.Setenv("SSH_AUTH_SOCK", serveAgent(t, server.keyFile))
		if got := fetch(t, newGit(t, options)); got.ID != commit {
			t.Errorf("fetched %s", got.ID)
		}
	})
	t.Run("usual file", func(t *testing.T) {
		options := server.options(r)
		options.KeyFile = ""
		key, err := os.ReadFile(server.keyFile)
		if err != nil {
			t.Fatal(err)
		}
		writeFiles(t, dir, ".ssh/id_ed25519", string(key))
		if got := fetch(t, newGit(t, options)); got.ID != commit {
			t.Errorf("fetched %s", got.ID)
		}
	})
}

// serveAgent is an SSH agent that holds one key.
func serveAgent(t *testing.T, keyFile string) (socket string) {
	t.Helper()
	content, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParseRawPrivateKey(content)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(t.TempDir(), "agent")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, conn) }()
		}
	}()
	return socket
}

func TestSSHErrors(t *testing.T) {
	t.Parallel()
	server := newSSHServer(t)
	r := newRepository(t)
	options := server.options(r)
	source := newGit(t, options)
	_, err := source.Fetch(t.Context())
	wantError(t, err, ErrNotFound, "no commit yet")

	options.URL += "-nope"
	_, err = newGit(t, options).Fetch(t.Context())
	wantError(t, err, ErrNotFound, "shop.git-nope")

	options.URL = "ssh://127.0.0.1:1/shop.git"
	_, err = newGit(t, options).Fetch(t.Context())
	wantError(t, err, ErrUnreachable, "127.0.0.1:1", "refused")
}

func TestSSHFetchFromASilentServerCanBeCancelled(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	closed := make(chan struct{})
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		cancel()
		for err == nil { // until the other side gives up
			_, err = conn.Read(make([]byte, 100))
		}
		close(closed)
	}()
	dir := t.TempDir()
	newKey(t, filepath.Join(dir, "id"))
	source := newGit(t, GitOptions{URL: "ssh://" + listener.Addr().String() + "/shop.git", KeyFile: filepath.Join(dir, "id"),
		CacheDir: filepath.Join(dir, "cache"), KnownHostsFiles: []string{filepath.Join(dir, "none")}})
	if _, err := source.Fetch(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	<-closed
}
