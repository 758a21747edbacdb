package gitsource

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// overSSH runs git-upload-pack on the server. go-git's SSH client is not used, because its connection and handshake cannot be cancelled.
type overSSH struct {
	wire
	client  *ssh.Client
	session *ssh.Session
	stdin   io.WriteCloser
	stdout  io.Reader
	stderr  *tail
	stop    func() bool // of the watch on ctx
}

func openSSH(ctx context.Context, l location, options GitOptions) (_ remote, err error) {
	config, loggedIn, err := sshConfig(l, options)
	if err != nil {
		return nil, err
	}
	defer loggedIn()
	address := l.address()
	if l.port == "" {
		address = net.JoinHostPort(l.host, "22")
	}
	hosts, err := readKnownHosts(options.KnownHostsFiles)
	if err != nil {
		return nil, err
	}
	config.HostKeyCallback = hosts.check
	config.HostKeyAlgorithms = hosts.algorithms(address)

	conn, err := (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	// Closing the connection ends every read and write on it.
	s := &overSSH{stderr: &tail{}, stop: context.AfterFunc(ctx, func() { conn.Close() })}
	defer func() {
		if err != nil {
			s.stop()
			conn.Close()
		}
	}()
	if err := conn.SetDeadline(time.Now().Add(connectTimeout)); err != nil {
		return nil, err
	}
	c, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	s.client = ssh.NewClient(c, channels, requests)
	return s, s.start(l.path)
}

func (s *overSSH) start(path string) (err error) {
	if s.session, err = s.client.NewSession(); err != nil {
		return err
	}
	if s.stdin, err = s.session.StdinPipe(); err != nil {
		return err
	}
	if s.stdout, err = s.session.StdoutPipe(); err != nil {
		return err
	}
	s.session.Stderr = s.stderr
	return s.session.Start(transport.UploadPackServiceName + " " + shellQuote(path))
}

// shellQuote makes one argument of s for the server's shell, as Git itself quotes: csh would expand an exclamation mark.
func shellQuote(s string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(s) + "'"
}

func (s *overSSH) advertise(context.Context) (advertised, error) {
	refs := packp.NewAdvRefs()
	err := refs.Decode(s.stdout)
	switch {
	case errors.Is(err, packp.ErrEmptyAdvRefs), err == nil && refs.IsEmpty():
		return advertised{}, transport.ErrEmptyRemoteRepository
	case err != nil:
		// The server's reason is on stderr, which is complete once the command has ended.
		s.stdin.Close()
		_ = s.session.Wait()
		if said := s.stderr.String(); said != "" {
			return advertised{}, &serverError{said}
		}
		return advertised{}, err
	}
	transport.FilterUnsupportedCapabilities(refs.Capabilities)
	s.refs = refs
	return s.advertised(), nil
}

func (s *overSSH) pack(_ context.Context, r packRequest) (io.ReadCloser, bool, error) {
	request, partial := s.request(r)
	var message bytes.Buffer
	err := errors.Join(
		request.UploadRequest.Encode(&message),
		request.UploadHaves.Encode(&message, false),
		pktline.NewEncoder(&message).EncodeString("done\n"))
	if err != nil {
		return nil, false, err
	}
	if _, err := s.stdin.Write(message.Bytes()); err != nil {
		return nil, false, err
	}
	response := packp.NewUploadPackResponse(request)
	if err := response.Decode(io.NopCloser(s.stdout)); err != nil {
		return nil, false, err
	}
	return io.NopCloser(unwrap(request, response)), partial, nil
}

func (s *overSSH) close() error {
	s.stop()
	if s.refs != nil {
		_, _ = s.stdin.Write(pktline.FlushPkt) // says goodbye, should no pack have been asked for
	}
	return s.client.Close()
}

// sshConfig gathers the ways to log in: the key file; or else the agent and the usual files; and a password.
// The caller calls done once it has logged in.
func sshConfig(l location, options GitOptions) (config *ssh.ClientConfig, done func(), err error) {
	user, password, err := options.credentials(l)
	if err != nil {
		return nil, nil, err
	}
	if user == "" {
		user = "git"
	}
	config, done = &ssh.ClientConfig{User: user}, func() {}
	var signers []ssh.Signer
	if options.KeyFile != "" {
		signer, err := readKey(options.KeyFile, options.KeyPassphraseFile)
		if err != nil {
			return nil, nil, err
		}
		signers = []ssh.Signer{signer}
	} else {
		signers = usualKeys()
		if conn, err := net.DialTimeout("unix", os.Getenv("SSH_AUTH_SOCK"), connectTimeout); err == nil {
			done = func() { conn.Close() }
			if offered, err := agent.NewClient(conn).Signers(); err == nil {
				signers = append(offered, signers...)
			}
		}
	}
	if len(signers) > 0 {
		config.Auth = append(config.Auth, ssh.PublicKeys(signers...))
	}
	if password != "" {
		config.Auth = append(config.Auth, ssh.Password(password))
	}
	if len(config.Auth) == 0 {
		done()
		return nil, nil, fail(ErrAuth, nil, "there is no SSH key to log in to %s with; name a key file, or start an agent", l.host)
	}
	return config, done, nil
}

func readKey(path, passphraseFile string) (ssh.Signer, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fail(ErrAuth, err, "the SSH key %s cannot be read", path)
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if _, locked := errors.AsType[*ssh.PassphraseMissingError](err); locked {
		if passphraseFile == "" {
			return nil, fail(ErrAuth, nil, "the SSH key %s needs a passphrase; name a file that holds it", path)
		}
		passphrase, readErr := readSecret(passphraseFile)
		if readErr != nil {
			return nil, readErr
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(pem, []byte(passphrase))
	}
	if err != nil {
		return nil, fail(ErrAuth, err, "the SSH key %s cannot be used; is it a private key, and its passphrase right?", path)
	}
	return signer, nil
}

// usualKeys are those of the user's own ssh that need no passphrase.
func usualKeys() []ssh.Signer {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	var signers []ssh.Signer
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		if signer, err := readKey(filepath.Join(home, ".ssh", name), ""); err == nil {
			signers = append(signers, signer)
		}
	}
	return signers
}

// serverError is what the server wrote on stderr.
type serverError struct{ said string }

func (e *serverError) Error() string { return e.said }

// tail keeps the beginning of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	const most = 4 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b[:min(len(b), most-len(t.text))]...)
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return clean(string(t.text), 300)
}
