package fleet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"coracle.dev/coracle/runtime/enginetest/machine"
)

// Down removes a fleet with all that is its own, however far it came up or down before. Without one there is nothing to do.
func Down(dir string) error {
	if err := ours(dir); err != nil {
		return err
	}
	running, err := machine.FindAll(dir)
	if err != nil {
		return err
	}
	var failed []error
	for _, m := range running {
		failed = append(failed, m.Off())
	}
	failed = append(failed, machine.RemoveCgroups(dir))
	if s, err := readSettings(dir); err == nil {
		failed = append(failed, machine.RemoveLink(s.Link)) // gone with the switch, but the kernel takes its time
	} else if !errors.Is(err, ErrNone) {
		failed = append(failed, err)
	}
	if err := errors.Join(failed...); err != nil {
		return err // the settings stay, for another try
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the fleet's files: %w", err)
	}
	return nil
}

// ours refuses a directory that is no fleet's, and is not empty: somebody has mistyped it.
func ours(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, settingsName)); err == nil {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for a fleet: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s holds no fleet: it has no %s; nothing was removed", dir, settingsName)
	}
	return nil
}
