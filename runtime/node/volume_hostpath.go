package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
)

// checkHostPath holds a path of the machine against the type that the Pod wants, and makes what may be made. A path
// without a type is made a directory if it is missing, as engines do.
func checkHostPath(source *corev1.HostPathVolumeSource) error {
	kind := corev1.HostPathUnset
	if source.Type != nil {
		kind = *source.Type
	}
	path := source.Path
	switch kind {
	case corev1.HostPathUnset:
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return os.MkdirAll(path, 0o755)
		}
		return nil
	case corev1.HostPathDirectoryOrCreate:
		if err := os.MkdirAll(path, 0o755); err != nil {
			return fmt.Errorf("hostPath type check failed: %w", err)
		}
	case corev1.HostPathFileOrCreate:
		f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE, 0o644)
		if err == nil {
			err = f.Close()
		}
		if err != nil && !errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("hostPath type check failed: %w", err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("hostPath type check failed: %s is not %s", path, hostPathKinds[kind].name)
	}
	if want := hostPathKinds[kind]; info.Mode()&(os.ModeType|os.ModeCharDevice) != want.mode {
		return fmt.Errorf("hostPath type check failed: %s is not %s", path, want.name)
	}
	return nil
}

var hostPathKinds = map[corev1.HostPathType]struct {
	mode os.FileMode
	name string
}{
	corev1.HostPathDirectoryOrCreate: {os.ModeDir, "a directory"},
	corev1.HostPathDirectory:         {os.ModeDir, "a directory"},
	corev1.HostPathFileOrCreate:      {0, "a file"},
	corev1.HostPathFile:              {0, "a file"},
	corev1.HostPathSocket:            {os.ModeSocket, "a socket file"},
	corev1.HostPathCharDev:           {os.ModeDevice | os.ModeCharDevice, "a character device"},
	corev1.HostPathBlockDev:          {os.ModeDevice, "a block device"},
}
