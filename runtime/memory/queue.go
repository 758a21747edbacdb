package memory

import (
	"container/heap"
	"time"

	"k8s.io/utils/clock"
)

// deadline ends one run of a container.
type deadline struct {
	at   time.Time
	seq  int // equal times are kept in the order of their making
	box  *box
	run  int // of the container; another one by then makes it void
	code int
	oom  bool
}

// queue holds what happens by itself, soonest first, and one timer for the first of it.
type queue struct {
	deadlines []deadline
	made      int
	timer     clock.Timer
	timerAt   time.Time
}

func (q *queue) Len() int      { return len(q.deadlines) }
func (q *queue) Swap(i, j int) { q.deadlines[i], q.deadlines[j] = q.deadlines[j], q.deadlines[i] }
func (q *queue) Push(d any)    { q.deadlines = append(q.deadlines, d.(deadline)) }
func (q *queue) Less(i, j int) bool {
	a, b := q.deadlines[i], q.deadlines[j]
	if a.at.Equal(b.at) {
		return a.seq < b.seq
	}
	return a.at.Before(b.at)
}

func (q *queue) Pop() any {
	last := q.deadlines[len(q.deadlines)-1]
	q.deadlines = q.deadlines[:len(q.deadlines)-1]
	return last
}

// later ends the container's present run at a time, unless it has ended by then.
func (e *Engine) later(b *box, after time.Duration, code int, oom bool) {
	e.queue.made++
	heap.Push(&e.queue, deadline{at: e.clock.Now().Add(after), seq: e.queue.made, box: b, run: b.run, code: code, oom: oom})
	e.arm()
}

// advance lets happen what is due.
func (e *Engine) advance() {
	if len(e.queue.deadlines) == 0 {
		return
	}
	now := e.clock.Now()
	for len(e.queue.deadlines) > 0 && !e.queue.deadlines[0].at.After(now) {
		d := heap.Pop(&e.queue).(deadline)
		if d.box.run == d.run {
			e.exit(d.box, d.code, d.oom, d.at)
		}
	}
	e.arm()
}

// arm sets the timer to the first deadline, so that events come without a call.
func (e *Engine) arm() {
	if len(e.queue.deadlines) == 0 {
		return
	}
	first := e.queue.deadlines[0].at
	if e.queue.timer != nil && !first.Before(e.queue.timerAt) {
		return
	}
	if e.queue.timer != nil {
		e.queue.timer.Stop()
	}
	e.queue.timerAt = first
	// A fake clock calls this while it is locked: the lock of the engine must be taken elsewhere.
	e.queue.timer = e.clock.AfterFunc(first.Sub(e.clock.Now()), func() { go e.tick() })
}

func (e *Engine) tick() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.queue.timer = nil
	e.advance()
	e.arm()
}
