package gitsource

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// ParseSchedule reads a schedule of github.com/robfig/cron: five fields ("*/5 * * * *"), a descriptor ("@hourly") or an
// interval of whole seconds ("@every 30s"), optionally after "TZ=<zone> " or "CRON_TZ=<zone> "; without one the machine's
// zone holds. A schedule that would never fire is an error. Errors match ErrInvalid.
func ParseSchedule(spec string) (schedule cron.Schedule, err error) {
	invalid := func(format string, args ...any) error {
		return fail(ErrInvalid, nil, "schedule %q: %s", spec, fmt.Sprintf(format, args...))
	}
	// The library has panicked on bad zones; what it may still panic on is the user's mistake as well.
	defer func() {
		if r := recover(); r != nil {
			schedule, err = nil, invalid("cannot be understood")
		}
	}()

	const longest = 200
	if len(spec) > longest {
		return nil, fail(ErrInvalid, nil, "schedule of %d characters is too long", len(spec))
	}
	rest := strings.TrimSpace(spec)
	if zone, fields, ok, err := cutZone(rest); err != nil {
		return nil, invalid("%v", err)
	} else if ok {
		rest, spec = fields, "CRON_TZ="+zone+" "+fields
	} else {
		spec = rest
	}
	if interval, ok := strings.CutPrefix(rest, "@every "); ok {
		return parseInterval(strings.TrimSpace(interval), invalid)
	}

	schedule, err = cron.ParseStandard(spec)
	if err != nil {
		return nil, invalid("%v", err)
	}
	// The library looks five years ahead, so a leap day is always found from here.
	if schedule.Next(time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, invalid("names a time that never comes")
	}
	return schedule, nil
}

// cutZone splits "TZ=<zone> <fields>" and checks the zone, which the library does not.
func cutZone(spec string) (zone, fields string, ok bool, err error) {
	value, ok := strings.CutPrefix(spec, "CRON_TZ=")
	if !ok {
		if value, ok = strings.CutPrefix(spec, "TZ="); !ok {
			return "", spec, false, nil
		}
	}
	zone, fields, found := strings.Cut(value, " ")
	if !found || zone == "" {
		return "", "", false, fmt.Errorf("needs a time zone and then the fields, as in %q", "TZ=Europe/Berlin 0 6 * * *")
	}
	if _, err := time.LoadLocation(zone); err != nil {
		return "", "", false, fmt.Errorf("unknown time zone %q", zone)
	}
	return zone, strings.TrimSpace(fields), true, nil
}

func parseInterval(interval string, invalid func(string, ...any) error) (cron.Schedule, error) {
	d, err := time.ParseDuration(interval)
	switch {
	case err != nil:
		return nil, invalid("%q is no duration, as 30s or 5m are", interval)
	case d < time.Second:
		return nil, invalid("the shortest interval is 1s")
	case d%time.Second != 0:
		return nil, invalid("an interval is a whole number of seconds")
	}
	return cron.Every(d), nil
}

// tick calls changed at once and then whenever the schedule says so, until ctx ends.
func tick(ctx context.Context, schedule cron.Schedule, changed func()) error {
	for {
		changed()
		var fire <-chan time.Time // never, if the schedule has come to its end
		now := time.Now()
		if next := schedule.Next(now); !next.IsZero() {
			fire = time.After(next.Sub(now))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-fire:
		}
	}
}
