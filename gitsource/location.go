package gitsource

import (
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"unicode"
)

// location is where a repository is, taken from a URL, an scp-like address or a path.
type location struct {
	scheme         string // "file", "http", "https" or "ssh"
	user, password string
	host, port     string // without brackets; port "" is the scheme's own
	path           string // still percent-encoded for http, since it goes back into a URL; plain otherwise
}

const (
	schemeFile  = "file"
	schemeHTTP  = "http"
	schemeHTTPS = "https"
	schemeSSH   = "ssh"
)

// parseLocation reads https://, http://, ssh:// and file:// URLs, user@host:path, and paths. What it
// refuses it does not repeat in full: the text may hold credentials.
func parseLocation(raw string) (location, error) {
	switch {
	case strings.TrimSpace(raw) == "":
		return location{}, fail(ErrInvalid, nil, "the repository has no URL")
	case strings.ContainsFunc(raw, unicode.IsControl):
		return location{}, fail(ErrInvalid, nil, "the repository's URL holds control characters")
	case strings.Contains(raw, "://"):
		return parseURL(raw)
	}
	if l, ok, err := parseScp(raw); ok || err != nil {
		return l, err
	}
	path, err := filepath.Abs(raw)
	if err != nil {
		return location{}, fail(ErrInvalid, err, "the repository's path %q cannot be made absolute", raw)
	}
	return location{scheme: schemeFile, path: path}, nil
}

func parseURL(raw string) (location, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return location{}, fail(ErrInvalid, nil, "the repository's URL %q cannot be understood", redact(raw))
	}
	l := location{scheme: strings.ToLower(u.Scheme), host: u.Hostname(), port: u.Port()}
	if u.User != nil {
		l.user = u.User.Username()
		l.password, _ = u.User.Password()
	}
	if u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return location{}, fail(ErrInvalid, nil, "the repository's URL %q must not hold ? or #", redact(raw))
	}
	switch l.scheme {
	case schemeFile:
		if l.host != "" && l.host != "localhost" {
			return location{}, fail(ErrInvalid, nil, "the repository's URL %q names a host; a file URL has three slashes, as file:///srv/shop.git", redact(raw))
		}
		l.host, l.port, l.user, l.password = "", "", "", ""
		l.path = filepath.Clean(u.Path)
	case schemeHTTP, schemeHTTPS:
		l.path = strings.TrimRight(u.EscapedPath(), "/")
	case schemeSSH:
		// "/~me/shop.git" is relative to a home directory, as Git has it.
		l.path = u.Path
		if strings.HasPrefix(l.path, "/~") {
			l.path = l.path[1:]
		}
	default:
		return location{}, fail(ErrInvalid, nil, "the repository's URL %q has the scheme %q; use https, ssh, http, file or a path", redact(raw), u.Scheme)
	}
	return l, l.check(raw)
}

// parseScp reads [user@]host:path, where no slash comes before the colon.
func parseScp(raw string) (l location, ok bool, err error) {
	address, path, found := cutAddress(raw)
	if !found || strings.Contains(address, "/") {
		return location{}, false, nil
	}
	l = location{scheme: schemeSSH, path: path, host: address}
	if at := strings.LastIndex(address, "@"); at >= 0 {
		l.user, l.host = address[:at], address[at+1:]
	}
	l.host = strings.Trim(l.host, "[]")
	return l, true, l.check(raw)
}

// cutAddress cuts at the first colon that is not inside brackets, for [::1]:path.
func cutAddress(raw string) (address, path string, ok bool) {
	if end := strings.Index(raw, "]:"); end >= 0 && strings.Contains(raw[:end], "[") {
		return raw[:end+1], raw[end+2:], true
	}
	return strings.Cut(raw, ":")
}

func (l location) check(raw string) error {
	switch {
	case l.scheme != schemeFile && l.host == "":
		return fail(ErrInvalid, nil, "the repository's URL %q names no host", redact(raw))
	case strings.Trim(l.path, "/.") == "":
		return fail(ErrInvalid, nil, "the repository's URL %q names no repository on the host", redact(raw))
	case l.scheme == schemeSSH && strings.HasPrefix(l.path, ":"):
		return fail(ErrInvalid, nil, "the repository's URL %q asks for a helper program; use https, ssh, http, file or a path", redact(raw))
	case strings.HasPrefix(l.host, "-"), strings.HasPrefix(l.path, "-"):
		// The path becomes an argument of a command on the SSH server.
		return fail(ErrInvalid, nil, "the repository's URL %q must not have a part that begins with a dash", redact(raw))
	}
	return nil
}

// String is for messages: without password, and without the user of an http URL, which is often a token.
func (l location) String() string {
	if l.scheme == schemeFile {
		return l.path
	}
	user := ""
	if l.scheme == schemeSSH && l.user != "" {
		user = l.user + "@"
	}
	if l.scheme == schemeSSH && !strings.HasPrefix(l.path, "/") && l.port == "" {
		return user + bracket(l.host) + ":" + l.path
	}
	return l.scheme + "://" + user + l.address() + "/" + strings.TrimPrefix(l.path, "/")
}

// address is host or host:port.
func (l location) address() string {
	if l.port == "" {
		return bracket(l.host)
	}
	return net.JoinHostPort(l.host, l.port)
}

func bracket(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// redact drops all that may be credentials from a URL that could not be parsed: whatever stands before the last @.
func redact(raw string) string {
	at := strings.LastIndex(raw, "@")
	if at < 0 {
		return raw
	}
	if scheme, _, ok := strings.Cut(raw[:at], "://"); ok {
		return scheme + "://…@" + raw[at+1:]
	}
	return "…@" + raw[at+1:]
}
