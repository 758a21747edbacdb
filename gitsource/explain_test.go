package gitsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// TestExplainFetch covers what the other tests cannot bring about.
func TestExplainFetch(t *testing.T) {
	l := location{scheme: schemeHTTPS, user: "ada", password: secret, host: "h", port: "8443", path: "/shop.git"}
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	for name, test := range map[string]struct {
		err   error
		kind  error
		words string
	}{
		"disk full":        {&fs.PathError{Op: "write", Path: "/cache/x", Err: syscall.ENOSPC}, ErrUnreachable, "no space left on the disk of /cache"},
		"quota":            {&fs.PathError{Op: "write", Path: "/cache/x", Err: syscall.EDQUOT}, ErrUnreachable, "no space left on the disk of /cache"},
		"read-only":        {&fs.PathError{Op: "open", Path: "/cache/x", Err: syscall.EROFS}, ErrAuth, "read-only"},
		"permission":       {&fs.PathError{Op: "mkdir", Path: "/cache", Err: syscall.EACCES}, ErrAuth, "/cache may not be accessed"},
		"file too large":   {&fs.PathError{Op: "write", Path: "/cache/x", Err: syscall.EFBIG}, ErrUnreachable, "/cache/x: file too large"},
		"silence":          {&net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}, ErrUnreachable, "h:8443 does not answer"},
		"no route":         {fmt.Errorf("dial: %w", syscall.EHOSTUNREACH), ErrUnreachable, "no route"},
		"reset":            {reset, ErrUnreachable, "broke off"},
		"hidden reset":     {plumbing.NewUnexpectedError(reset), ErrUnreachable, "broke off"},
		"cut short":        {fmt.Errorf("pack: %w", io.ErrUnexpectedEOF), ErrUnreachable, "broke off"},
		"sha256":           {git.ErrSHA256NotSupported, ErrInvalid, "SHA-256"},
		"empty":            {transport.ErrEmptyRemoteRepository, ErrNotFound, "no commit yet"},
		"server: denied":   {&serverError{"Permission to a/shop denied to ada."}, ErrAuth, "does not allow"},
		"server: missing":  {&pktline.ErrorLine{Text: "Repository not found."}, ErrNotFound, "no repository at https://h:8443/shop.git"},
		"server: other":    {&pktline.ErrorLine{Text: "under\nmaintenance"}, ErrUnreachable, "answers: under maintenance"},
		"unheard of":       {errors.New("odd " + secret + " at https://ada:" + secret + "@h/x\nand more"), ErrUnreachable, "https://h:8443/shop.git failed: odd … at https://h/x and more"},
		"context":          {fmt.Errorf("reading: %w", context.Canceled), context.Canceled, "reading"},
		"already in words": {fmt.Errorf("ssh: %w", fail(ErrHostKey, nil, "the host key is unknown")), ErrHostKey, "the host key is unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			err := explainFetch(test.err, l, "/cache", secret)
			wantError(t, err, test.kind, test.words)
			if strings.Contains(err.Error(), "ada:") {
				t.Errorf("error %q holds the user", err)
			}
		})
	}
}
