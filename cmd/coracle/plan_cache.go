package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// planCache is a place for the clone of one repository, apart from the daemon's.
type planCache struct {
	dir   string
	close func()
}

// openPlanCache gives a clone that earlier plans left among the user's caches, so that only what is new is fetched. While another
// plan uses it, or where the user has no place for caches, it is a temporary one. A directory ("" as repo) needs none.
func openPlanCache(repo string) (planCache, error) {
	if repo == "" {
		return planCache{close: func() {}}, nil
	}
	if caches, err := os.UserCacheDir(); err == nil {
		sum := sha256.Sum256([]byte(repo))
		dir := filepath.Join(caches, "coracle", "plan", hex.EncodeToString(sum[:8]))
		if lock, held, err := lockFile(dir + ".lock"); err == nil && held {
			return planCache{dir, func() { _ = lock.Close() }}, nil
		}
	}
	dir, err := os.MkdirTemp("", "coracle-plan-")
	if err != nil {
		return planCache{}, fmt.Errorf("make a place for a clone of %s: %w", repo, err)
	}
	return planCache{filepath.Join(dir, "git"), func() { _ = os.RemoveAll(dir) }}, nil
}
