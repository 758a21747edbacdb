package gitsource

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseSchedule(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for spec, want := range map[string]time.Duration{
		"@every 30s":                     30 * time.Second,
		"@every 1s":                      time.Second,
		" @every  1h30m ":                90 * time.Minute,
		"*/5 * * * *":                    55 * time.Second,
		"@hourly":                        55*time.Minute + 55*time.Second,
		"TZ=Asia/Tokyo 0 13 * * *":       55*time.Minute + 55*time.Second,
		"CRON_TZ=Asia/Tokyo  0 13 * * *": 55*time.Minute + 55*time.Second,
		"CRON_TZ=Asia/Tokyo @every 1m":   time.Minute,
		"0 0 29 2 *":                     time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC).Sub(at),
		"TZ=UTC 5 3 2 1 *":               55 * time.Second,
	} {
		schedule, err := ParseSchedule(spec)
		if err != nil {
			t.Errorf("%q: %v", spec, err)
		} else if got := schedule.Next(at).Sub(at); got != want {
			t.Errorf("%q fires after %v, want %v", spec, got, want)
		}
	}
	for _, spec := range []string{
		"", " ", "TZ=0", "TZ=", "TZ= * * * * *", "TZ=Mars/Olympus * * * * *", "CRON_TZ=0", "CRON_TZ=../../etc/passwd * * * * *",
		"@every 500ms", "@every 1.5s", "@every -1m", "@every", "@every x", "@every 99999999999h", "@never", "* * * *", "61 * * * *",
		"30 2 31 2 *", "0 0 30 2 *", "a b c d e", "*/0 * * * *", "* * * * * * *", "TZ=UTC TZ=UTC * * * * *",
	} {
		if schedule, err := ParseSchedule(spec); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q was taken: %v, %v", spec, schedule, err)
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, seed := range []string{"TZ=0", "@every 1s", "TZ=UTC * * * * *", "*/5 1-3,7 * jan mon", "30 2 31 2 *", "@reboot"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		schedule, err := ParseSchedule(spec)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%q: %v", spec, err)
			}
			return
		}
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		if next := schedule.Next(now); next.Sub(now) < time.Second {
			t.Errorf("%q fires at %v, after %v", spec, next, now)
		}
	})
}

func TestWatchOfAGitSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newGit(t, GitOptions{URL: "/srv/shop.git", CacheDir: "/nonexistent", Schedule: "@every 30s"})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		var told []time.Duration
		start := time.Now()
		err := source.Watch(ctx, func() { told = append(told, time.Since(start)) })
		want := []time.Duration{0, 30 * time.Second, 60 * time.Second, 90 * time.Second}
		if diff := cmp.Diff(want, told); diff != "" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("told (-want +got):\n%s%v", diff, err)
		}
	})
}

func TestNewGitChecksItsOptions(t *testing.T) {
	good := GitOptions{URL: "/srv/shop.git", CacheDir: "/cache"}
	for name, change := range map[string]func(*GitOptions){
		"url":      func(o *GitOptions) { o.URL = "" },
		"cache":    func(o *GitOptions) { o.CacheDir = "" },
		"path":     func(o *GitOptions) { o.Path = "a/../../b" },
		"schedule": func(o *GitOptions) { o.Schedule = "sometimes" },
		"ref":      func(o *GitOptions) { o.Ref = "a..b" },
		"blank":    func(o *GitOptions) { o.Ref = "a b" },
		"sha256":   func(o *GitOptions) { o.Ref = first64 },
		"ca":       func(o *GitOptions) { o.CAFile = "/nonexistent" },
	} {
		options := good
		change(&options)
		if _, err := NewGit(options); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for given, want := range map[string]string{"": ".", ".": ".", "/": ".", "/a/b/": "a/b", "./a": "a", "a//b": "a/b", "a/../b": "b"} {
		if got, err := cleanPath(given); err != nil || got != want {
			t.Errorf("path %q is %q, %v", given, got, err)
		}
	}
}

const first64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
