package gitsource

import "time"

// debounce gathers a burst of events into one: it is due when there was none for quiet, or patience after the first.
type debounce struct {
	quiet, patience time.Duration
	first, last     time.Time // of the burst; zero if there is none
}

func (d *debounce) add(now time.Time) {
	if d.first.IsZero() {
		d.first = now
	}
	d.last = now
}

// wait is how long from now it takes until the burst is due; it is not negative.
func (d *debounce) wait(now time.Time) time.Duration {
	due := d.last.Add(d.quiet)
	if latest := d.first.Add(d.patience); latest.Before(due) {
		due = latest
	}
	return max(due.Sub(now), 0)
}

func (d *debounce) clear() { d.first, d.last = time.Time{}, time.Time{} }
