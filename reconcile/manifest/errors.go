package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Error is one thing wrong with the tree, in the words of whoever wrote it: where, what, and what to do.
type Error struct {
	Position
	// Object is what the error is about, as "Deployment default/web"; "" if it could not be told.
	Object  string
	Message string

	limit bool // a limit was passed: the content may be meant to do harm
}

func (e *Error) Error() string {
	if e.File == "" {
		return e.Message
	}
	return e.Position.String() + ": " + e.Message
}

func errorAt(at Position, format string, args ...any) *Error {
	return &Error{Position: at, Message: fmt.Sprintf(format, args...)}
}

// errTooMuch ends a load: what is left of the tree is not looked at.
var errTooMuch = errors.New("limit exceeded")

func sortErrors(errs []*Error) {
	slices.SortStableFunc(errs, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Message, b.Message))
	})
}
