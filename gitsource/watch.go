package gitsource

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch is told of changes below Dir, of Dir itself coming, going or being exchanged, and of commits around it. It also tells of a
// change now and then when there was none, in case the file system sends no events.
func (d *directorySource) Watch(ctx context.Context, changed func()) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return explainWatch(d.options.Dir, err)
	}
	defer watcher.Close()
	w := &watch{options: d.options, events: watcher.Events, errors: watcher.Errors}
	w.arm = func() error { return w.cover(watcher) }
	return w.run(ctx, changed)
}

// watch turns events of the file system into calls of changed.
type watch struct {
	options DirectoryOptions
	events  <-chan fsnotify.Event
	errors  <-chan error

	// arm watches all that there is now. Directories may have come that send no events yet, so it is called before each change
	// is told: what happened before it the next Fetch sees, and what happens after it sends events.
	arm func() error
	// Set by arm:
	directory string          // Dir without links; "" if it does not exist
	outside   map[string]bool // files outside directory that matter
}

func (w *watch) run(ctx context.Context, changed func()) error {
	if err := w.arm(); err != nil {
		return err
	}
	changed()
	burst := debounce{quiet: w.options.Quiet, patience: w.options.Patience}
	settled := time.NewTimer(time.Hour)
	settled.Stop()
	resync := time.NewTicker(w.options.Resync)
	defer resync.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event, ok := <-w.events:
			if !ok {
				return fail(ErrUnreachable, nil, "watching the directory %s ended", w.options.Dir)
			}
			if w.matters(event.Name) {
				burst.add(time.Now())
				settled.Reset(burst.wait(time.Now()))
			}
			continue
		case <-w.errors:
			// Usually an overflow: events were lost, so anything may have changed.
			burst.add(time.Now())
			settled.Reset(burst.wait(time.Now()))
			continue
		case <-settled.C:
		case <-resync.C:
		}
		burst.clear()
		if err := w.arm(); err != nil {
			return err
		}
		changed()
	}
}

// matters drops events of editors' files, of Git's own, and of neighbours.
func (w *watch) matters(name string) bool {
	if w.outside[name] {
		return true
	}
	below, err := filepath.Rel(w.directory, name)
	if w.directory == "" || err != nil || !filepath.IsLocal(below) {
		return false
	}
	for part := range strings.SplitSeq(below, string(filepath.Separator)) {
		if part == ".git" || editorFile.MatchString(part) {
			return false
		}
	}
	return true
}
