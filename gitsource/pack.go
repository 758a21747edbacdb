package gitsource

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// temporary begins the names of files that are being written.
const temporary = "tmp_"

// storePack takes a pack from r into the directory, with its index. Afterwards both are there, or neither is. Nothing is
// synced: should the machine lose power, what is damaged is found and cloned again, and a memory card is spared.
// go-git's own writer is not used because it loads each object, however large; here an object above the limit ends
// the transfer as soon as its header comes by.
func storePack(directory string, r io.Reader, objectBytes int64) (err error) {
	pack, err := os.CreateTemp(directory, temporary+"*")
	if err != nil {
		return err
	}
	defer func() {
		pack.Close()
		if err != nil {
			os.Remove(pack.Name())
		}
	}()
	count, err := scanPack(io.TeeReader(r, pack), objectBytes)
	if err != nil {
		return err
	}
	if count == 0 {
		return os.Remove(pack.Name())
	}
	index, checksum, err := indexPack(pack)
	if err != nil {
		return err
	}
	// The index goes first: readers look for packs, and expect the index of each.
	name := filepath.Join(directory, "pack-"+checksum.String())
	if err := writeFile(name+".idx", index); err != nil {
		return err
	}
	return os.Rename(pack.Name(), name+".pack")
}

// scanPack reads a pack to its end and counts its objects.
func scanPack(r io.Reader, objectBytes int64) (count uint32, err error) {
	scanner := packfile.NewScanner(r)
	_, count, err = scanner.Header()
	if err != nil {
		return 0, err
	}
	for range count {
		header, err := scanner.NextObjectHeader()
		if err != nil {
			return 0, err
		}
		length := header.Length
		if length <= objectBytes {
			start := &prefix{}
			if _, _, err := scanner.NextObject(start); err != nil {
				return 0, err
			}
			if header.Type.IsDelta() {
				length = start.targetLength()
			}
		}
		if length > objectBytes {
			return 0, fail(ErrTooLarge, nil, "a file of %s, more than the limit of %s", size(length), size(objectBytes))
		}
	}
	if _, err := scanner.Checksum(); err != nil {
		return 0, err
	}
	if rest, err := io.Copy(io.Discard, r); err != nil {
		return 0, err
	} else if rest > 0 {
		return 0, fmt.Errorf("%w: %d bytes after its end", packfile.ErrMalformedPackFile, rest)
	}
	return count, nil
}

// prefix keeps the first bytes written to it, which in a delta are the lengths of its base and its result.
type prefix struct {
	bytes [2 * binary.MaxVarintLen64]byte
	n     int
}

func (p *prefix) Write(b []byte) (int, error) {
	p.n += copy(p.bytes[p.n:], b)
	return len(b), nil
}

func (p *prefix) targetLength() int64 {
	r := bytes.NewReader(p.bytes[:p.n])
	_, baseErr := binary.ReadUvarint(r)
	target, err := binary.ReadUvarint(r)
	if baseErr != nil || err != nil || int64(target) < 0 {
		return 0 // malformed; indexing finds out
	}
	return int64(target)
}

func indexPack(pack io.ReadSeeker) (index []byte, checksum plumbing.Hash, err error) {
	if _, err := pack.Seek(0, io.SeekStart); err != nil {
		return nil, plumbing.ZeroHash, err
	}
	writer := new(idxfile.Writer)
	parser, err := packfile.NewParser(packfile.NewScanner(pack), writer)
	if err != nil {
		return nil, plumbing.ZeroHash, err
	}
	if checksum, err = parser.Parse(); err != nil {
		return nil, plumbing.ZeroHash, err
	}
	memory, err := writer.Index()
	if err != nil {
		return nil, plumbing.ZeroHash, err
	}
	var encoded bytes.Buffer
	_, err = idxfile.NewEncoder(&encoded).Encode(memory)
	return encoded.Bytes(), checksum, err
}

// checkPack finds a pack that was cut short or lacks its index. It ends in the checksum that it is named after.
func checkPack(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var trailer plumbing.Hash
	if _, err := f.Seek(-int64(len(trailer)), io.SeekEnd); err != nil {
		return err
	}
	if _, err := io.ReadFull(f, trailer[:]); err != nil {
		return err
	}
	if filepath.Base(path) != "pack-"+trailer.String()+".pack" {
		return fmt.Errorf("%w: %s", packfile.ErrMalformedPackFile, path)
	}
	_, err = os.Stat(path[:len(path)-len(".pack")] + ".idx")
	return err
}

// writeFile replaces a file so that a killed process leaves the old or the new one, never a part.
func writeFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), temporary+"*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
