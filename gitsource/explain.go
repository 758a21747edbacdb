package gitsource

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

// explainFetch puts what went wrong in a fetch into the user's terms. Errors of this package pass as they are.
func explainFetch(err error, l location, cacheDirectory string, secrets ...string) error {
	if err == nil {
		return nil
	}
	if hiding, ok := errors.AsType[*plumbing.UnexpectedError](err); ok {
		err = hiding.Err // go-git's wrapper does not let errors.Is through
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	for _, rule := range []func(error, location, string) error{explainContext, explainDisk, explainAccess, explainNetwork} {
		if explained := rule(err, l, cacheDirectory); explained != nil {
			return explained
		}
	}
	return fail(ErrUnreachable, err, "fetching from %s failed: %s", l, scrub(err.Error(), secrets...))
}

func explainContext(err error, _ location, _ string) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// explainDisk is for this machine's own files.
func explainDisk(err error, _ location, directory string) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fail(ErrUnreachable, err, "there is no space left on the disk of %s; nothing was changed", directory)
	case errors.Is(err, syscall.EROFS):
		return fail(ErrAuth, err, "the cache directory %s is on a read-only file system", directory)
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return explainPath(path)
	}
	return nil
}

func explainPath(err *fs.PathError) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fail(ErrAuth, err, "%s may not be accessed by this user", err.Path)
	case errors.Is(err, fs.ErrNotExist):
		return fail(ErrNotFound, err, "%s does not exist", err.Path)
	default:
		return fail(ErrUnreachable, err, "%s: %v", err.Path, err.Err)
	}
}

// explainAccess is for what the server says.
func explainAccess(err error, l location, _ string) error {
	said := ""
	if server, ok := errors.AsType[*serverError](err); ok {
		said = strings.ToLower(server.said)
	} else if line, ok := errors.AsType[*pktline.ErrorLine](err); ok {
		said = strings.ToLower(line.Text)
	}
	status := 0
	if unexpected, ok := errors.AsType[*githttp.Err](err); ok {
		status = unexpected.StatusCode()
	}
	switch text := err.Error(); {
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return fail(ErrNotFound, err, "%s holds no commit yet; push one", l)
	case errors.Is(err, transport.ErrRepositoryNotFound), containsAny(said, "not found", "does not appear to be a git", "does not exist", "could not be found", "no such"):
		return fail(ErrNotFound, err, "there is no repository at %s, or these credentials may not see it", l)
	case errors.Is(err, transport.ErrAuthenticationRequired), strings.Contains(text, "unable to authenticate"):
		return fail(ErrAuth, err, "%s refuses the credentials, or wants some; check user, password, token or key", l)
	case errors.Is(err, transport.ErrAuthorizationFailed), containsAny(said, "denied", "permission", "not allowed", "unauthorized"):
		return fail(ErrAuth, err, "%s does not allow these credentials to read it", l)
	case errors.Is(err, git.ErrSHA256NotSupported), strings.Contains(text, "object-format"):
		return fail(ErrInvalid, err, "%s is a SHA-256 repository, which is not supported", l)
	case said != "":
		return fail(ErrUnreachable, err, "%s answers: %s", l, clean(said, 300))
	case status >= 500:
		return fail(ErrUnreachable, err, "%s answers with the HTTP status %d", l, status)
	case status != 0:
		return fail(ErrNotFound, err, "there is no repository at %s: HTTP status %d", l, status)
	case strings.Contains(text, "http redirect"):
		return fail(ErrAuth, err, "%s redirects to a page that is no repository, as hosts do that want a login", l)
	}
	if _, ok := errors.AsType[*packp.ErrUnexpectedData](err); ok || errors.Is(err, packp.ErrEmptyInput) || errors.Is(err, pktline.ErrInvalidPktLen) {
		return fail(ErrUnreachable, err, "%s does not answer as a Git server does", l)
	}
	return nil
}

func explainNetwork(err error, l location, _ string) error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fail(ErrUnreachable, err, "the name of the host %s cannot be resolved", dns.Name)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fail(ErrHostKey, err, "the TLS certificate of %s is not trusted: %v", l.address(), rootCause(err))
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || strings.Contains(err.Error(), "HTTP response to HTTPS client") {
		return fail(ErrUnreachable, err, "%s does not speak TLS; is it http instead of https?", l.address())
	}
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fail(ErrUnreachable, err, "%s cannot be reached: connection refused", l.address())
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fail(ErrUnreachable, err, "%s cannot be reached: no route to it", l.address())
	case errors.Is(err, os.ErrDeadlineExceeded), isNet && timeout.Timeout():
		return fail(ErrUnreachable, err, "%s does not answer", l.address())
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return fail(ErrUnreachable, err, "%s broke off the connection", l)
	}
	return nil
}

func rootCause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

func containsAny(text string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// userInfo matches the credentials in a URL, up to the last @ of its authority.
var userInfo = regexp.MustCompile(`://[^/\s]*@`)

// scrub makes text that a library wrote printable: on one line, without credentials.
func scrub(text string, secrets ...string) string {
	text = userInfo.ReplaceAllString(text, "://")
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return clean(text, 300)
}
