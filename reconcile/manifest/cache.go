package manifest

import (
	"crypto/sha256"
	"sync"
)

// Cache keeps parsed files, so that a tree in which one file changed costs the parsing of one file. The zero value
// is ready. It may be used concurrently, for one Scheme and one set of Limits.
type Cache struct {
	mu    sync.Mutex
	loads int
	files map[[sha256.Size]byte]*cachedFile
}

type cachedFile struct {
	parsed   []document
	errs     []*Error
	lastLoad int
}

// keptLoads is for how many loads a file is kept that no longer appears: a walk through the history of a
// tree sees old and new versions in turn.
const keptLoads = 64

func cacheKey(file string, content []byte) [sha256.Size]byte {
	hash := sha256.New()
	hash.Write([]byte(file))
	hash.Write([]byte{0})
	hash.Write(content)
	return [sha256.Size]byte(hash.Sum(nil))
}

// parse returns what parse made of this very file before, or calls it.
func (c *Cache) parse(file string, content []byte, parse func() ([]document, []*Error)) ([]document, []*Error) {
	key := cacheKey(file, content)
	c.mu.Lock()
	if known, ok := c.files[key]; ok {
		known.lastLoad = c.loads
		c.mu.Unlock()
		return known.parsed, known.errs
	}
	c.mu.Unlock()

	parsed, errs := parse()

	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		c.files = map[[sha256.Size]byte]*cachedFile{}
	}
	c.files[key] = &cachedFile{parsed: parsed, errs: errs, lastLoad: c.loads}
	return parsed, errs
}

// endLoad forgets what was not seen for long.
func (c *Cache) endLoad() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loads++
	for key, file := range c.files {
		if c.loads-file.lastLoad > keptLoads {
			delete(c.files, key)
		}
	}
}
