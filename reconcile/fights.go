package reconcile

import (
	"time"

	"coracle.dev/coracle/reconcile/manifest"
)

const (
	// freeCorrections are how often the same drift is corrected at once before it is taken for a fight.
	freeCorrections = 3
	// fightQuiet is after how long without it a drift is forgotten.
	fightQuiet = time.Minute
	// fightLongest is the longest pause between two corrections.
	fightLongest = 5 * time.Minute
)

// fights keep coracle from writing an object again and again when another controller changes it back each time: after
// freeCorrections of the same fields, the pause doubles from a second on.
type fights struct {
	byKey map[manifest.Key]fight
}

type fight struct {
	fields string // what drifted
	count  int
	last   time.Time
	until  time.Time // no correction before
}

// corrected notes a correction and returns how many of the same there were in a row, and when the next may be.
func (f *fights) corrected(key manifest.Key, fields string, now time.Time) (count int, next time.Time) {
	if f.byKey == nil {
		f.byKey = map[manifest.Key]fight{}
	}
	one := f.byKey[key]
	quiet := fightQuiet + 2*max(0, one.until.Sub(one.last))
	if one.fields != fields || now.Sub(one.last) > quiet {
		one = fight{fields: fields}
	}
	one.count++
	one.last, one.until = now, now
	if extra := one.count - freeCorrections; extra > 0 {
		one.until = now.Add(min(fightLongest, time.Second<<min(extra-1, 10)))
	}
	f.byKey[key] = one
	return one.count, one.until
}

// pausedUntil is when the object may be corrected; a time that is not after now is at once.
func (f *fights) pausedUntil(key manifest.Key) time.Time { return f.byKey[key].until }

// forget drops what has been quiet for long.
func (f *fights) forget(now time.Time) {
	for key, one := range f.byKey {
		if now.Sub(one.last) > fightQuiet+2*fightLongest {
			delete(f.byKey, key)
		}
	}
}
