package memory

import (
	"net/http"
	"strings"
	"time"

	"coracle.dev/coracle/runtime"
)

// Script says how the processes of some containers behave. Scripts are tried in order whenever a container starts; the
// first that matches holds until it exits. The zero Script, which also holds where none matches, is a well-behaved
// server: it runs until it is stopped, answers HTTP on every port and every exec with success, and logs nothing.
type Script struct {
	// Image and Container are patterns for the image's reference and the container's name, in which * is any text.
	// Empty ones match all.
	Image, Container string
	// Times is how many starts it is good for; then it matches no more. 0 is for ever. Two scripts, the first with Times: 2
	// and an exit code, make a container that fails twice and then runs.
	Times int

	// ExitAfter ends the process by itself, with ExitCode; 0 is never. OOM makes that the kernel's doing (exit code 137).
	ExitAfter time.Duration
	ExitCode  int
	OOM       bool
	// StopDelay and StopCode are how it ends when asked to. With IgnoreTERM it waits for KILL.
	StopDelay  time.Duration
	StopCode   int
	IgnoreTERM bool

	// Logs are written to stdout at the start, each a line.
	Logs []string

	// ReadyAfter is when its ports begin to answer and its execs to succeed, from the start on; UnreadyAfter, if not 0, is
	// when they cease to.
	ReadyAfter, UnreadyAfter time.Duration
	// Handler answers HTTP on every port; nil answers 200 with the container's name.
	Handler http.Handler
	// Stats are what it uses at that age; nil is a little memory and a hundredth of a core.
	Stats func(age time.Duration) runtime.Stats

	// Commands are the files that can be executed; nil is all. A start or exec of another fails.
	Commands []string
	// Program runs instead of all the above, but for Image, Container, Times, Commands and Stats.
	Program Program
	// Exec runs the commands of Exec; nil is Program, and without one success or failure as ready or not.
	Exec Program
}

// Fault says how some calls go wrong. Faults are tried in order at each call; the first that matches applies.
type Fault struct {
	// Call is the name of a method of runtime.Engine, as "PullImage"; empty is all.
	Call string
	// Image and Container are patterns as in Script. A call that has no image or container, or is for one that is not
	// there, matches only an empty pattern.
	Image, Container string
	// Times is how many calls it is good for; 0 is for ever.
	Times int

	// Delay comes before the call, then Hang (until the caller's context ends), then Err instead of it.
	Delay time.Duration
	Hang  bool
	Err   error
	// After makes the call take effect first: only its answer is late or lost.
	After bool
}

// counted is a rule that may be used up.
type counted[T any] struct {
	rule T
	left int // -1: for ever
}

func counting[T any](rules []T, times func(T) int) []*counted[T] {
	var all []*counted[T]
	for _, rule := range rules {
		left := times(rule)
		if left == 0 {
			left = -1
		}
		all = append(all, &counted[T]{rule, left})
	}
	return all
}

// take uses up the first rule that matches. nil: none does.
func take[T any](rules []*counted[T], matches func(T) bool) *T {
	for _, r := range rules {
		if r.left == 0 || !matches(r.rule) {
			continue
		}
		if r.left > 0 {
			r.left--
		}
		return &r.rule
	}
	return nil
}

func (s Script) matches(image, container string) bool {
	return match(s.Image, image) && match(s.Container, container)
}

func (f Fault) matches(c call) bool {
	return (f.Call == "" || f.Call == c.method) && match(f.Image, c.image) && match(f.Container, c.container)
}

// match compares text with a pattern in which * is any text. An empty pattern matches all.
func match(pattern, text string) bool {
	if pattern == "" {
		return true
	}
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(text, first) || !strings.HasSuffix(text[len(first):], last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = after
	}
	return true
}

// ready says whether a process of that age answers.
func (s *Script) ready(age time.Duration) bool {
	return age >= s.ReadyAfter && (s.UnreadyAfter == 0 || age < s.UnreadyAfter)
}

// runs says whether the file can be executed.
func (s *Script) runs(file string) bool {
	if s.Commands == nil {
		return true
	}
	for _, command := range s.Commands {
		if command == file {
			return true
		}
	}
	return false
}
