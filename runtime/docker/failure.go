package docker

import (
	"bytes"
	"errors"
	"io"
)

// failure finds out whether a command could not be run at all. The engine then writes why to the command's own output,
// where a program could have written the same; only when all has ended does it say that there was no process. So
// output that begins like that is held back until then.
type failure struct {
	to      io.Writer
	decided bool
	held    *bytes.Buffer // nil: nothing is held back
}

// failed is how the engine's message begins.
var failed = []byte("OCI runtime exec failed: ")

func (f *failure) Write(p []byte) (int, error) {
	if !f.decided {
		f.decided = true
		if bytes.HasPrefix(p, failed) {
			f.held = &bytes.Buffer{}
		}
	}
	if f.held != nil {
		return f.held.Write(p)
	}
	return f.to.Write(p)
}

// verdict returns the engine's message if there was no process, else passes on what was held back.
func (f *failure) verdict(ran bool) error {
	if f.held == nil {
		return nil
	}
	if !ran {
		return errors.New(string(bytes.TrimSpace(f.held.Bytes())))
	}
	_, err := f.to.Write(f.held.Bytes())
	return err
}
