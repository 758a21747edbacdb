package gitsource

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// directorySource follows a directory by copying it into memory whenever it has come to rest.
type directorySource struct {
	options DirectoryOptions
	path    string

	busy    chan struct{} // holds one value while a fetch is under way
	closing context.Context
	close   context.CancelFunc

	mu   sync.Mutex
	last *copied
}

// copied is what the last Fetch found, kept to read only what has changed since.
type copied struct {
	sight
	files    map[string]heldFile
	snapshot Snapshot
}

// NewDirectory prepares to follow a directory. It checks the options (ErrInvalid) and does not touch the directory.
//
// Inside a Git work tree a revision is that of HEAD. It is Dirty if any file under Dir differs from HEAD byte for byte or in being
// executable, or is neither in HEAD nor ignored; ignored files are no part of the tree. A file that Git converts on checkout
// (core.autocrlf, LFS, filters) therefore always differs.
func NewDirectory(options DirectoryOptions) (Source, error) {
	if options.Dir == "" {
		return nil, fail(ErrInvalid, nil, "the source names no directory")
	}
	var err error
	if options.Dir, err = filepath.Abs(options.Dir); err != nil {
		return nil, fail(ErrInvalid, err, "the directory %q cannot be made absolute", options.Dir)
	}
	name, err := cleanPath(options.Path)
	if err != nil {
		return nil, err
	}
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{{&options.Quiet, 100 * time.Millisecond}, {&options.Patience, 2 * time.Second}, {&options.Resync, time.Minute}} {
		if *d.value <= 0 {
			*d.value = d.usual
		}
	}
	options.Limits = options.Limits.withDefaults()
	d := &directorySource{options: options, path: name, busy: make(chan struct{}, 1)}
	d.closing, d.close = context.WithCancel(context.Background())
	return d, nil
}

func (d *directorySource) String() string { return d.options.Dir }

func (d *directorySource) Close() error {
	d.close()
	return nil
}

// Fetch waits until the directory has been left alone for Quiet, copies it, and makes sure that nothing changed meanwhile.
func (d *directorySource) Fetch(ctx context.Context) (Snapshot, error) {
	bounded, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.closing, cancel)()
	d.mu.Lock()
	last := d.last
	d.mu.Unlock()
	now, err := abandonable(bounded, d.busy, func(ctx context.Context) (*copied, error) { return d.fetch(ctx, last) })
	switch {
	case err == nil:
		d.mu.Lock()
		d.last = now
		d.mu.Unlock()
		return now.snapshot, nil
	case ctx.Err() != nil:
		return Snapshot{}, ctx.Err()
	case d.closing.Err() != nil:
		return Snapshot{}, fmt.Errorf("%s: %w", d, fs.ErrClosed)
	}
	return Snapshot{}, d.explain(err)
}

// fetch tries until the directory holds still. It does not touch the source itself, since nobody may be waiting for it any more.
func (d *directorySource) fetch(ctx context.Context, last *copied) (*copied, error) {
	for deadline := time.Now().Add(d.options.Patience); ; {
		now, changing, err := d.try(ctx, last)
		switch {
		case err == nil && now == last:
			same := *last
			same.snapshot.Previous, same.snapshot.Rewritten = same.snapshot.ID, false
			return &same, nil
		case err == nil:
			return now, d.show(ctx, now, last)
		case !errors.Is(err, errChanged):
			return nil, err
		case time.Now().After(deadline):
			return nil, fail(ErrUnstable, err, "the directory %s keeps changing (%s); it is read once it has been left alone for %s",
				d, changing, d.options.Quiet)
		}
	}
}

// try copies the directory, or returns last if nothing has changed since. If it is changing at the moment that is
// errChanged, and changing says where.
func (d *directorySource) try(ctx context.Context, last *copied) (now *copied, changing string, err error) {
	root, before, err := d.look(ctx)
	if err != nil {
		return nil, "its files", err
	}
	defer root.Close()
	if last != nil && before.equal(last.sight) {
		return last, "", nil
	}
	if err := rest(ctx, time.Since(before.changed), d.options.Quiet); err != nil {
		return nil, "", err
	}
	files, err := d.read(ctx, root, before, last)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errChanged) {
		return nil, "", err
	}
	again, after, err := d.look(ctx)
	if err != nil {
		return nil, "its files", err
	}
	again.Close()
	if files == nil || !after.equal(before) {
		return nil, difference(before.found, after.found), errChanged
	}
	return &copied{sight: before, files: files}, "", nil
}

// show makes the snapshot of a copy.
func (d *directorySource) show(ctx context.Context, now, last *copied) error {
	held, err := newHeld(now.files)
	if err != nil {
		return err
	}
	root := newTree(held, held.root, d.options.Limits, now.changed)
	files, err := subtree(root, d.path, d.String())
	if err != nil {
		return err
	}
	now.snapshot = Snapshot{Revision: now.revision(held), Files: files, Root: root, Path: d.path}
	if last == nil {
		return nil
	}
	now.snapshot.Previous = last.snapshot.ID
	if w := now.worktree; w != nil && !last.head.IsZero() && last.head != now.head {
		descended, err := descends(ctx, w.objects, w.head, last.head)
		if err != nil {
			return err
		}
		now.snapshot.Rewritten = !descended
	}
	return nil
}

// explain puts what the file system says into the user's terms.
func (d *directorySource) explain(err error) error {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	switch info, statErr := os.Stat(d.options.Dir); {
	case errors.Is(statErr, fs.ErrNotExist):
		return fail(ErrNotFound, err, "the directory %s does not exist", d)
	case errors.Is(statErr, fs.ErrPermission):
		return fail(ErrAuth, err, "the directory %s may not be read by this user", d)
	case statErr == nil && !info.IsDir():
		return fail(ErrNotFound, err, "%s is a file, not a directory", d)
	}
	pathError, ok := errors.AsType[*fs.PathError](err)
	switch {
	case ok && errors.Is(err, fs.ErrPermission):
		return fail(ErrAuth, err, "%s in the directory %s may not be read by this user", pathError.Path, d)
	case errors.Is(err, fs.ErrNotExist):
		return fail(ErrUnstable, err, "the directory %s changed while it was read", d)
	default:
		return fail(ErrUnreachable, err, "the directory %s cannot be read: %s", d, scrub(err.Error()))
	}
}
