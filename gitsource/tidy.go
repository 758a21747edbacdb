package gitsource

import (
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
)

const (
	// maxPacks is how many packs may gather, one a fetch: every look for an object goes through all of them.
	maxPacks = 16
	// settledPackBytes is the size from which a pack is left as it is.
	settledPackBytes = 64 << 20
)

// tidy makes one pack of the small ones once there are too many.
func (c *cache) tidy(ctx context.Context) error {
	small, all, err := c.smallPacks()
	if err != nil || all <= maxPacks || len(small) < 2 {
		return err
	}
	var hashes []plumbing.Hash
	seen := map[plumbing.Hash]bool{}
	for _, name := range small {
		inPack, err := packed(name + ".idx")
		if err != nil {
			return err
		}
		for _, hash := range inPack {
			if !seen[hash] {
				seen[hash] = true
				hashes = append(hashes, hash)
			}
		}
	}
	storage := c.storage() // of its own, so that readers need not wait
	defer storage.Close()
	stream := streamPack(ctx, storage, hashes)
	defer stream.Close()
	if err := storePack(c.packs(), stream, math.MaxInt64); err != nil {
		return err
	}
	return c.objects.drop(small)
}

// smallPacks lists packs, without ".pack", that may be joined, and counts all.
func (c *cache) smallPacks() (small []string, all int, err error) {
	entries, err := os.ReadDir(c.packs())
	if err != nil {
		return nil, 0, err
	}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".pack")
		if !ok {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return nil, 0, err
		}
		all++
		if info.Size() < settledPackBytes {
			small = append(small, filepath.Join(c.packs(), name))
		}
	}
	return small, all, nil
}

// packed lists the objects in a pack.
func packed(index string) ([]plumbing.Hash, error) {
	f, err := os.Open(index)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	memory := idxfile.NewMemoryIndex()
	if err := idxfile.NewDecoder(f).Decode(memory); err != nil {
		return nil, err
	}
	entries, err := memory.Entries()
	if err != nil {
		return nil, err
	}
	defer entries.Close()
	var hashes []plumbing.Hash
	for {
		entry, err := entries.Next()
		if err == io.EOF {
			return hashes, nil
		}
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, entry.Hash)
	}
}

// drop removes packs whose objects are in another one too, while nobody reads.
func (s *stored) drop(packs []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.store.Reindex()
	if err := s.store.Close(); err != nil { // what it holds open; it opens what it needs
		return err
	}
	for _, name := range packs {
		for _, file := range []string{name + ".pack", name + ".idx"} {
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	return nil
}
