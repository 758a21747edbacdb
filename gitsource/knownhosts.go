package gitsource

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// knownHosts checks the keys of SSH servers. It is read for each fetch, so that a key added by hand counts at once.
type knownHosts struct {
	callback   ssh.HostKeyCallback
	algorithms func(address string) []string // of the keys known for a host, so that the server shows one of those
	first      string                        // the file to add a key to
}

// readKnownHosts reads the files, by default ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts. A missing file is an empty one.
func readKnownHosts(files []string) (*knownHosts, error) {
	if len(files) == 0 {
		if home, err := os.UserHomeDir(); err == nil {
			files = append(files, filepath.Join(home, ".ssh", "known_hosts"))
		}
		files = append(files, "/etc/ssh/ssh_known_hosts")
	}
	hosts := &knownHosts{
		first:      files[0],
		callback:   func(string, net.Addr, ssh.PublicKey) error { return &knownhosts.KeyError{} },
		algorithms: func(string) []string { return nil },
	}
	var existing []string
	for _, file := range files {
		if _, err := os.Stat(file); err == nil {
			existing = append(existing, file)
		}
	}
	if len(existing) == 0 {
		return hosts, nil
	}
	database, err := gitssh.NewKnownHostsDb(existing...)
	if err != nil {
		return nil, fail(ErrInvalid, err, "the known hosts in %s cannot be read: %v", strings.Join(existing, ", "), err)
	}
	hosts.callback = database.HostKeyCallback()
	hosts.algorithms = database.HostKeyAlgorithms
	return hosts, nil
}

// check is an ssh.HostKeyCallback.
func (k *knownHosts) check(address string, remote net.Addr, key ssh.PublicKey) error {
	err := k.callback(address, remote, key)
	if err == nil {
		return nil
	}
	name := knownhosts.Normalize(address)
	shown := key.Type() + " " + ssh.FingerprintSHA256(key)
	if _, ok := errors.AsType[*knownhosts.RevokedError](err); ok {
		return fail(ErrHostKey, err, "the host key of %s (%s) is marked as revoked; do not trust this server", name, shown)
	}
	keyError, ok := errors.AsType[*knownhosts.KeyError](err)
	switch {
	case !ok:
		return fail(ErrHostKey, err, "the host key of %s (%s) cannot be checked: %v", name, shown, err)
	case len(keyError.Want) == 0:
		return fail(ErrHostKey, err, "the host key of %s (%s) is unknown; compare it with what the host's owner publishes, then add it with: %s >> %s",
			name, shown, keyscan(address, key), k.first)
	default:
		known := keyError.Want[0]
		return fail(ErrHostKey, err, "the host key of %s has changed: the server shows %s, but %s:%d holds %s; someone may be listening in; if the host's owner confirms the change, replace that line",
			name, shown, known.Filename, known.Line, ssh.FingerprintSHA256(known.Key))
	}
}

func keyscan(address string, key ssh.PublicKey) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "ssh-keyscan " + address
	}
	kind := strings.TrimPrefix(key.Type(), "ssh-")
	if strings.HasPrefix(kind, "ecdsa") {
		kind = "ecdsa"
	}
	return fmt.Sprintf("ssh-keyscan -p %s -t %s %s", port, kind, host)
}
