package gitsource

import (
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	objectcache "github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// local is a repository on this machine, read in this process: go-git would start the git program, which need not be there.
type local struct {
	repository *git.Repository
	objects    *filesystem.Storage
}

// localCacheBytes holds the bases of deltas while a repository is read.
const localCacheBytes = 32 << 20

func openLocal(path string) (remote, error) {
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fail(ErrNotFound, err, "there is no repository at %s", path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fail(ErrAuth, err, "the repository at %s may not be read by this user", path)
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fail(ErrNotFound, nil, "%s is a file, not a repository", path)
	}
	repository, err := git.PlainOpenWithOptions(path, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return nil, fail(ErrNotFound, err, "%s is not a Git repository", path)
	}
	if err != nil {
		return nil, err
	}
	storage, ok := repository.Storer.(*filesystem.Storage)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	// The repository's own storage opens a pack for each object that it reads.
	objects := filesystem.NewStorageWithOptions(storage.Filesystem(), objectcache.NewObjectLRU(localCacheBytes), filesystem.Options{KeepDescriptors: true})
	return &local{repository, objects}, nil
}

func (l *local) advertise(context.Context) (advertised, error) {
	a := advertised{refs: map[string]plumbing.Hash{}, peeled: map[string]plumbing.Hash{}}
	refs, err := l.repository.References()
	if err != nil {
		return advertised{}, err
	}
	err = refs.ForEach(func(ref *plumbing.Reference) error {
		switch {
		case ref.Type() == plumbing.SymbolicReference && ref.Name() == plumbing.HEAD:
			a.head = ref.Target().String()
		case ref.Type() == plumbing.HashReference && ref.Name() == plumbing.HEAD:
			a.headCommit = ref.Hash()
		case ref.Type() == plumbing.HashReference:
			a.refs[ref.Name().String()] = ref.Hash()
		}
		return nil
	})
	if hash, ok := a.refs[a.head]; ok {
		a.headCommit = hash
	}
	return a, err
}

func (l *local) wantsAny() bool { return true }
func (l *local) close() error   { return l.objects.Close() }

func (l *local) pack(ctx context.Context, r packRequest) (io.ReadCloser, bool, error) {
	objects, err := missing(ctx, l.objects, r)
	if err != nil {
		return nil, false, err
	}
	return streamPack(ctx, l.objects, objects), true, nil
}

// packStream is a pack that is being written. Close ends that, and returns once nothing is read any more.
type packStream struct {
	*io.PipeReader
	ended chan struct{}
}

func streamPack(ctx context.Context, from storer.EncodedObjectStorer, objects []plumbing.Hash) packStream {
	reader, writer := io.Pipe()
	s := packStream{reader, make(chan struct{})}
	go func() {
		defer close(s.ended)
		writer.CloseWithError(writePack(ctx, writer, from, objects))
	}()
	return s
}

func (s packStream) Close() error {
	err := s.PipeReader.Close()
	<-s.ended
	return err
}

// missing lists what the wanted objects need and the cache lacks, files that are too large excepted. It walks only what is new.
func missing(ctx context.Context, from storer.EncodedObjectStorer, r packRequest) ([]plumbing.Hash, error) {
	var list []plumbing.Hash
	seen := map[plumbing.Hash]bool{}
	pending := append([]plumbing.Hash(nil), r.wants...)
	isNew := func(h plumbing.Hash) bool {
		if seen[h] || r.has(h) {
			return false
		}
		seen[h] = true
		return true
	}
	for len(pending) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		next := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if !isNew(next) {
			continue
		}
		list = append(list, next)
		found, err := object.GetObject(from, next)
		if err != nil {
			return nil, err
		}
		switch o := found.(type) {
		case *object.Commit:
			pending = append(append(pending, o.TreeHash), o.ParentHashes...)
		case *object.Tag:
			pending = append(pending, o.Target)
		case *object.Tree:
			for _, entry := range o.Entries {
				switch entry.Mode {
				case filemode.Submodule:
				case filemode.Dir:
					pending = append(pending, entry.Hash)
				default:
					if !isNew(entry.Hash) {
						continue
					}
					size, err := from.EncodedObjectSize(entry.Hash)
					if err != nil {
						return nil, err
					}
					if size <= r.maxFileBytes {
						list = append(list, entry.Hash)
					}
				}
			}
		}
	}
	return list, nil
}

// writePack writes the objects whole, without deltas: go-git's encoder would hold all of them in memory at once.
func writePack(ctx context.Context, w io.Writer, from storer.EncodedObjectStorer, hashes []plumbing.Hash) error {
	checksum := sha1.New()
	out := io.MultiWriter(w, checksum)
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("PACK"), 2), uint32(len(hashes)))
	if _, err := out.Write(header); err != nil {
		return err
	}
	compressor := zlib.NewWriter(nil)
	for _, hash := range hashes {
		if err := ctx.Err(); err != nil {
			return err
		}
		encoded, err := from.EncodedObject(plumbing.AnyObject, hash)
		if err != nil {
			return err
		}
		if err := writeObject(out, compressor, encoded); err != nil {
			return err
		}
	}
	_, err := w.Write(checksum.Sum(nil))
	return err
}

// writeObject writes type and length, 4 bits of it in the first byte and 7 in each further one, and the content.
func writeObject(w io.Writer, compressor *zlib.Writer, encoded plumbing.EncodedObject) error {
	length := uint64(encoded.Size())
	header := []byte{byte(encoded.Type())<<4 | byte(length&0x0f)}
	if length >>= 4; length > 0 {
		header[0] |= 0x80
		header = binary.AppendUvarint(header, length)
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	r, err := encoded.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	compressor.Reset(w)
	if _, err := io.Copy(compressor, r); err != nil {
		return err
	}
	return compressor.Close()
}
