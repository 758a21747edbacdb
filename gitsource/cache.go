package gitsource

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	objectcache "github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// cache is a bare repository that holds what was fetched. Whatever happens to it, losing it costs only another clone.
//
// Invariant: a pack is complete or absent, and brings all that its commits need and was not there. So what the cache has,
// it has with everything below, except files that a partial fetch left out.
type cache struct {
	directory string
	facts     facts
	objects   *stored
	damaged   atomic.Bool // found while reading
}

// facts are what the cache says of itself, in factsName. A cache of another URL or limit is of no use and starts anew.
type facts struct {
	URL       string `json:"url"`       // without credentials
	FileBytes int64  `json:"fileBytes"` // files above it may have been left out
	Partial   bool   `json:"partial"`   // files were left out

	Ref    string `json:"ref"`    // full name of the ref that was fetched last: "refs/heads/main"
	Commit string `json:"commit"` // where it was
}

const (
	// factsName marks a directory as ours, so that nothing else is ever deleted.
	factsName = "coracle-cache.json"
	// objectCacheBytes is kept of decoded objects; go-git's default of 96 MiB would be most of the daemon.
	objectCacheBytes = 8 << 20
)

// openCache opens the cache, or begins it: where there is none, or one that is damaged or known to be.
func openCache(directory string, want facts, damaged bool) (*cache, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, err
	}
	c := &cache{directory: directory}
	found, err := c.readFacts()
	if err != nil {
		return nil, err
	}
	if found && !damaged && c.facts.URL == want.URL && c.facts.FileBytes == want.FileBytes && c.open() == nil {
		return c, nil
	}
	c.facts = want
	return c, c.begin()
}

// readFacts reports whether there is a cache. A directory that holds anything else is refused.
func (c *cache) readFacts() (found bool, err error) {
	content, err := os.ReadFile(filepath.Join(c.directory, factsName))
	switch {
	case err == nil:
		return json.Unmarshal(content, &c.facts) == nil, nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	entries, err := os.ReadDir(c.directory)
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), temporary) { // left by a crash before factsName was there
			return false, fail(ErrInvalid, nil, "the cache directory %s holds other files (%s); name one that is empty or does not exist", c.directory, entry.Name())
		}
	}
	return false, nil
}

// open checks what can be checked quickly: every pack is whole, and the last commit can be read with its tree.
func (c *cache) open() error {
	if err := c.sweep(); err != nil {
		return err
	}
	c.objects = c.reader()
	if c.facts.Commit == "" {
		return nil
	}
	commit, err := c.objects.commit(plumbing.NewHash(c.facts.Commit))
	if err != nil {
		return err
	}
	_, err = c.objects.tree(commit.TreeHash)
	return err
}

// begin empties the cache. factsName comes first and stays throughout, so that a crash in the middle leaves it recognisable.
func (c *cache) begin() error {
	if err := c.save(); err != nil {
		return err
	}
	if err := syncDirectory(c.directory); err != nil {
		return err
	}
	entries, err := os.ReadDir(c.directory)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() != factsName {
			if err := os.RemoveAll(filepath.Join(c.directory, entry.Name())); err != nil {
				return err
			}
		}
	}
	if err := c.storage().Init(); err != nil {
		return err
	}
	c.objects = c.reader()
	return nil
}

// sweep removes what a killed process left half done, and fails if what is left is damaged.
func (c *cache) sweep() error {
	for _, directory := range []string{c.directory, c.packs()} {
		entries, err := os.ReadDir(directory)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			path := filepath.Join(directory, entry.Name())
			switch {
			case strings.HasPrefix(entry.Name(), temporary):
				err = os.Remove(path)
			case filepath.Ext(path) == ".pack":
				err = checkPack(path)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// receive stores a pack and then sees to it that what was wanted is there.
func (c *cache) receive(pack io.Reader, partial bool, wants []plumbing.Hash, objectBytes int64) error {
	if partial && !c.facts.Partial {
		c.facts.Partial = true
		if err := c.save(); err != nil {
			return err
		}
	}
	if err := storePack(c.packs(), pack, objectBytes); err != nil {
		switch {
		case errors.Is(err, ErrTooLarge):
			return fail(ErrTooLarge, err, "the history of %s holds %v", c.facts.URL, err)
		case errors.Is(err, fs.ErrNotExist):
			c.damaged.Store(true) // somebody has removed directories
		}
		return err
	}
	c.objects.refresh(c.facts.Partial)
	for _, want := range wants {
		if !c.objects.has(want) {
			return fmt.Errorf("the remote sent a pack without %s", want)
		}
	}
	return nil
}

// record remembers where a ref was seen. HEAD makes Git's own tools see the history too, and keeps their gc away from it.
func (c *cache) record(ref string, commit plumbing.Hash) error {
	if c.facts.Ref == ref && c.facts.Commit == commit.String() {
		return nil
	}
	c.facts.Ref, c.facts.Commit = ref, commit.String()
	if err := writeFile(filepath.Join(c.directory, "HEAD"), []byte(commit.String()+"\n")); err != nil {
		return err
	}
	return c.save()
}

func (c *cache) save() error {
	content, err := json.MarshalIndent(c.facts, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(c.directory, factsName), append(content, '\n'))
}

func (c *cache) packs() string { return filepath.Join(c.directory, "objects", "pack") }

func (c *cache) storage() *filesystem.Storage {
	return filesystem.NewStorageWithOptions(osfs.New(c.directory), objectcache.NewObjectLRU(objectCacheBytes), filesystem.Options{KeepDescriptors: true})
}

func (c *cache) reader() *stored {
	return &stored{store: c.storage(), partial: c.facts.Partial, broken: func(cause error) error {
		c.damaged.Store(true)
		return fail(ErrUnreachable, cause, "the copy of %s in %s is damaged; the next fetch clones it again", c.facts.URL, c.directory)
	}}
}

// syncDirectory makes the names in a directory outlast a loss of power.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
