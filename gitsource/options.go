package gitsource

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// GitOptions say what to follow in which repository. Only URL and CacheDir are required.
type GitOptions struct {
	// URL is https://, http://, ssh:// or file://, user@host:path, or a path on this machine.
	URL string
	// Ref is a branch, a tag (a branch goes first), a commit in 40 hex digits, or a full name ("refs/…"). "" is the remote's HEAD.
	Ref string
	// Path is the directory in the tree that holds the manifests; "" is all of it.
	Path string
	// CacheDir is a directory of this source alone, for a bare repository. It is created as needed.
	CacheDir string
	// Schedule says when Watch looks again, as ParseSchedule takes it. "" is "@every 1m".
	Schedule string

	// Username and Password, or a token as the Password, override those in the URL. PasswordFile overrides Password; it is
	// read at each fetch, so that a token can be renewed.
	Username, Password, PasswordFile string
	// CAFile holds PEM certificates to trust for https beside the machine's own.
	CAFile string

	// KeyFile is the private key for SSH, in PEM or OpenSSH form; KeyPassphraseFile holds its passphrase. Without it, the
	// agent at $SSH_AUTH_SOCK and ~/.ssh/id_{ed25519,ecdsa,rsa} are tried. ~/.ssh/config is not read.
	KeyFile, KeyPassphraseFile string
	// KnownHostsFiles hold the keys of SSH servers; the default is ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts. A server
	// whose key is in none of them is never talked to.
	KnownHostsFiles []string

	// Timeout bounds one Fetch, the first clone included. Default 10 minutes.
	Timeout time.Duration
	Limits  Limits
}

// DirectoryOptions say which directory to follow. Only Dir is required.
type DirectoryOptions struct {
	// Dir is the tree: no link leads out of it. It need not exist yet, and may be a symbolic link that is changed later.
	Dir string
	// Path is the directory in it that holds the manifests; "" is all of it.
	Path string

	// Quiet is how long nothing must have changed before Dir is read, and before Watch tells of a change. Default 100 ms.
	Quiet time.Duration
	// Patience is how long Fetch and Watch wait for that. Then Fetch gives up with ErrUnstable, and Watch tells anyway. Default 2 s.
	Patience time.Duration
	// Resync is how often Watch tells of a change that nobody saw, since network file systems send no events. Default 1 minute.
	Resync time.Duration
	Limits Limits
}

// credentials are those of the options, or else those of the URL.
func (o GitOptions) credentials(l location) (user, password string, err error) {
	user, password = l.user, l.password
	if o.Username != "" {
		user = o.Username
	}
	if o.Password != "" {
		password = o.Password
	}
	if o.PasswordFile != "" {
		password, err = readSecret(o.PasswordFile)
	}
	return user, password, err
}

// readSecret reads a file that holds one secret, perhaps with a newline after it.
func readSecret(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fail(ErrAuth, err, "the file %s, which should hold a secret, cannot be read", path)
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}

// cleanPath takes "", ".", "a/b", "/a/b/" and "./a/b".
func cleanPath(name string) (string, error) {
	cleaned := path.Clean("./" + strings.TrimLeft(name, "/"))
	if !fs.ValidPath(cleaned) {
		return "", fail(ErrInvalid, nil, "the path %q leads out of the tree", name)
	}
	return cleaned, nil
}
