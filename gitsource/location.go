package gitsource

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
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
	case !utf8.ValidString(raw) || strings.ContainsFunc(raw, unicode.IsControl):
		return location{}, fail(ErrInvalid, nil, "the repository's URL holds control characters, or is not UTF-8")
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
		l.path = homePath(u.Path)
	default:
		return location{}, fail(ErrInvalid, nil, "the repository's URL %q has the scheme %q; use https, ssh, http, file or a path", redact(raw), u.Scheme)
	}
	return l, l.check(raw)
}

// parseScp reads [user@]host:path, where no slash comes before the colon.
func parseScp(raw string) (l location, ok bool, err error) {
	m := scpAddress.FindStringSubmatch(raw)
	if m == nil {
		return location{}, false, nil
	}
	l = location{scheme: schemeSSH, user: m[1], host: m[2] + m[3], path: homePath(m[4])}
	return l, true, l.check(raw)
}

// scpAddress has an address of version 6 in brackets, since its colons come before the one that counts.
var scpAddress = regexp.MustCompile(`^(?:([^:/\[\]]*)@)?(?:\[([^/\[\]]*)\]|([^:/]*)):(.*)$`)

// homePath makes "/~me/shop.git" relative to a home directory, as Git has it.
func homePath(path string) string {
	if strings.HasPrefix(path, "/~") {
		return path[1:]
	}
	return path
}

func (l location) check(raw string) error {
	switch decoded := l.host + l.path + l.user; {
	case !utf8.ValidString(decoded) || strings.ContainsFunc(decoded, unicode.IsControl):
		return fail(ErrInvalid, nil, "the repository's URL %q holds control characters, or is not UTF-8", redact(raw))
	case !validHost(l.host), l.scheme == schemeSSH && strings.ContainsAny(l.user, " :/@"):
		return fail(ErrInvalid, nil, "the repository's URL %q names no host or user that can exist", redact(raw))
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

// validHost takes names, also international ones, and addresses. Whether there is such a host is the resolver's matter.
func validHost(host string) bool {
	if strings.Contains(host, ":") {
		address, err := netip.ParseAddr(host)
		return err == nil && address.Zone() == ""
	}
	return !strings.ContainsFunc(host, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune(".-_", r)
	})
}

// String is for messages: without password, and without the user of an http URL, which is often a token.
func (l location) String() string {
	if l.scheme == schemeFile {
		return l.path
	}
	if l.scheme != schemeSSH {
		return l.scheme + "://" + l.address() + l.path
	}
	if !strings.HasPrefix(l.path, "/") && l.port == "" && !strings.Contains(l.path, "://") {
		user := ""
		if l.user != "" {
			user = l.user + "@"
		}
		return user + bracket(l.host) + ":" + l.path
	}
	u := url.URL{Scheme: l.scheme, Host: l.address(), Path: "/" + strings.TrimPrefix(l.path, "/")}
	if l.user != "" {
		u.User = url.User(l.user)
	}
	return u.String()
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
