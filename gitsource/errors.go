package gitsource

import (
	"errors"
	"fmt"
)

// What a caller may branch on, with errors.Is. The text of the errors that match them stands alone: it names the
// source, what was wanted and what to do.
var (
	// ErrInvalid: the options make no sense (URL, ref, path, schedule). Trying again is of no use.
	ErrInvalid = errors.New("invalid source")
	// ErrNotFound: the repository, branch, tag, commit, path or directory does not exist.
	ErrNotFound = errors.New("not found")
	// ErrAuth: the remote refuses the credentials, or wants some; or the file system denies access.
	ErrAuth = errors.New("access denied")
	// ErrUnreachable: the remote does not answer, or not as Git does; or this machine's disk fails. Trying again may help.
	ErrUnreachable = errors.New("unreachable")
	// ErrHostKey: the SSH server's key is unknown, or is not the known one.
	ErrHostKey = errors.New("host key not trusted")
	// ErrTooLarge: a file, or the number of files, exceeds the Limits.
	ErrTooLarge = errors.New("too large")
	// ErrUnsafe: a symbolic link leads out of the tree.
	ErrUnsafe = errors.New("leads out of the tree")
	// ErrUnsupported: a submodule, an LFS pointer or a special file was opened.
	ErrUnsupported = errors.New("unsupported file")
	// ErrUnstable: the directory did not stop changing while it was read.
	ErrUnstable = errors.New("directory keeps changing")
)

// failure is an error whose text is only its sentence; kind and cause serve errors.Is and errors.As.
type failure struct {
	kind     error
	cause    error
	sentence string
}

func (f *failure) Error() string { return f.sentence }

func (f *failure) Unwrap() []error {
	if f.cause == nil {
		return []error{f.kind}
	}
	return []error{f.kind, f.cause}
}

// fail makes an error of the given kind. The cause, which may be nil, is not printed: upstream's words often hold URLs.
func fail(kind, cause error, format string, args ...any) error {
	return &failure{kind: kind, cause: cause, sentence: fmt.Sprintf(format, args...)}
}
