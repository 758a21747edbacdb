package memory

import (
	"bytes"
	"io"
	"sync"
	"time"
)

type stream int

const (
	stdout stream = iota
	stderr
)

// keptBytes is how much of a container's log is kept; the oldest lines go first.
const keptBytes = 1 << 20

// line is one of a log, with its end of line but for the last of a run.
type line struct {
	at   time.Time
	from stream
	text []byte
}

// output is all that a container has written: lines for Logs, and pieces as they come for Attach.
type output struct {
	mu      sync.Mutex
	tty     bool
	ended   bool // no process writes now
	lines   []line
	dropped int // lines that are kept no longer
	bytes   int
	partial [2][]byte // written since the last end of line
	viewers map[*viewer]struct{}
	changed chan struct{} // made when somebody waits, closed at the next change
}

func (o *output) begin(tty bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tty, o.ended = tty, false
}

// end keeps the unfinished lines and tells all who follow.
func (o *output) end(at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for from, text := range o.partial {
		if len(text) > 0 {
			o.keep(line{at, stream(from), text})
		}
	}
	o.partial = [2][]byte{}
	o.ended = true
	o.wake()
}

func (o *output) write(at time.Time, from stream, p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tty { // a terminal is one stream, and moves the cursor to the left
		from, p = stdout, bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))
	}
	for v := range o.viewers {
		v.pending = append(v.pending, line{from: from, text: bytes.Clone(p)})
	}
	text := append(o.partial[from], p...)
	for {
		end := bytes.IndexByte(text, '\n') + 1
		if end == 0 {
			break
		}
		o.keep(line{at, from, text[:end:end]})
		text = text[end:]
	}
	o.partial[from] = text
	o.wake()
}

func (o *output) keep(l line) {
	o.lines = append(o.lines, l)
	for o.bytes += len(l.text); o.bytes > keptBytes; o.dropped++ {
		o.bytes -= len(o.lines[0].text)
		o.lines = o.lines[1:]
	}
}

func (o *output) wake() {
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
}

func (o *output) wait() <-chan struct{} {
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.changed
}

// from returns the lines from that number on, the number of the next one, and what to wait for if more may come.
func (o *output) from(number int) (lines []line, next int, more <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines = o.lines[max(number-o.dropped, 0):]
	next = o.dropped + len(o.lines)
	if !o.ended {
		more = o.wait()
	}
	return lines, next, more
}

// first is the number of the first line that is not older than since and among the last tail (all, if negative).
func (o *output) first(since time.Time, tail int64) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := 0
	for at < len(o.lines) && o.lines[at].at.Before(since) {
		at++
	}
	if tail >= 0 {
		at = max(at, len(o.lines)-int(min(tail, int64(len(o.lines)))))
	}
	return o.dropped + at
}

// viewer is one Attach: the pieces that it has not shown yet.
type viewer struct{ pending []line }

func (o *output) view() *viewer {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.viewers == nil {
		o.viewers = map[*viewer]struct{}{}
	}
	v := &viewer{}
	o.viewers[v] = struct{}{}
	return v
}

func (o *output) unview(v *viewer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.viewers, v)
}

// take returns what there is to show, and what to wait for if more may come.
func (o *output) take(v *viewer) (pieces []line, more <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	pieces, v.pending = v.pending, nil
	if !o.ended {
		more = o.wait()
	}
	return pieces, more
}

// writer is the stdout or stderr of one run of a container.
type writer struct {
	engine *Engine
	box    *box
	run    int
	stream stream
}

func (w writer) Write(p []byte) (int, error) {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	if w.box.run != w.run {
		return 0, io.ErrClosedPipe
	}
	w.box.output.write(w.engine.clock.Now(), w.stream, p)
	return len(p), nil
}
