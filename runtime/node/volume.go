package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
)

// Volumes of a Pod live in <DataDir>/pods/<uid>/volumes/<name>; those that hold Secrets or tokens, or memory, in TmpfsDir instead.
// Beside them, <DataDir>/pods/<uid>/messages/<container>_<attempt> is what a container may write before it ends.

// dirs are the places of one Pod.
func (n *Node) podDir(key Key) string   { return filepath.Join(n.DataDir, "pods", key.UID) }
func (n *Node) tmpfsDir(key Key) string { return filepath.Join(n.TmpfsDir, "pods", key.UID) }

// volumePath is where a volume is on the machine.
func (n *Node) volumePath(key Key, v *corev1.Volume) string {
	switch {
	case v.HostPath != nil:
		return v.HostPath.Path
	case inMemory(v):
		return filepath.Join(n.tmpfsDir(key), "volumes", v.Name)
	}
	return filepath.Join(n.podDir(key), "volumes", v.Name)
}

func inMemory(v *corev1.Volume) bool {
	if v.EmptyDir != nil {
		return v.EmptyDir.Medium == corev1.StorageMediumMemory
	}
	for _, source := range sources(v) {
		if source.Secret != nil || source.ServiceAccountToken != nil {
			return true
		}
	}
	return false
}

// setUpVolumes makes all volumes of a Pod ready, or current. It can be done again at any time. A volume that was ready stays so, as
// it was, if it can't be made current; one that can't be made ready keeps none of the others from it.
func (n *Node) setUpVolumes(ctx context.Context, key Key, pod *corev1.Pod, state *podState) {
	var failure error
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		if err := n.setUpVolume(ctx, key, pod, v); err != nil {
			if failure == nil {
				failure = err
			}
			n.event(pod, "", corev1.EventTypeWarning, eventFailedMount, "MountVolume.SetUp failed for volume %q : %v", v.Name, err)
		}
	}
	now, renew := n.Clock.Now(), n.tokens.renewAt(key)
	if holdsTokens(pod) && !renew.After(now) { // it could not be asked for, or is from before, and not known to this agent
		renew = now.Add(tokenRetry)
	}
	state.remember(func(m *Memory) {
		m.RenewTokens = renew
		if failure != nil {
			m.Volumes = m.Volumes.again(eventFailedMount, failure.Error(), now)
			return
		}
		m.VolumesReady, m.Volumes = true, Failure{}
	})
}

func (n *Node) setUpVolume(ctx context.Context, key Key, pod *corev1.Pod, v *corev1.Volume) error {
	if v.HostPath != nil {
		return checkHostPath(v.HostPath)
	}
	if n.DataDir == "" {
		return errors.New("this node keeps no data directory")
	}
	dir := n.volumePath(key, v)
	if _, err := os.Stat(dir); err == nil && n.recall.serving() {
		return nil // as it was before; what it should be now, the API knows
	}
	group := fsGroup(pod)
	if v.EmptyDir != nil {
		return makeEmptyDir(dir, group)
	}
	if len(sources(v)) == 0 {
		return errors.New("this type of volume is not supported")
	}
	files, err := n.payload(ctx, pod, v)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make volume: %w", err)
	}
	return writeTree(dir, files, group, n.Clock.Now())
}

func fsGroup(pod *corev1.Pod) *int64 {
	if pod.Spec.SecurityContext == nil {
		return nil
	}
	return pod.Spec.SecurityContext.FSGroup
}

// makeEmptyDir makes a directory that every user may write to; with a group, what is made in it belongs to that.
func makeEmptyDir(dir string, group *int64) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make volume: %w", err)
	}
	mode := os.FileMode(0o777)
	if group != nil {
		if err := os.Chown(dir, -1, int(*group)); err != nil {
			return fmt.Errorf("give volume to fsGroup: %w", err)
		}
		mode |= os.ModeSetgid
	}
	if err := os.Chmod(dir, mode); err != nil { // whatever the umask
		return fmt.Errorf("make volume: %w", err)
	}
	return nil
}

// mounts of one attempt of a container, its message file among them.
func (n *Node) mounts(key Key, pod *corev1.Pod, c *corev1.Container, env *environment, attempt int) ([]runtime.Mount, error) {
	var mounts []runtime.Mount
	for _, m := range c.VolumeMounts {
		v := volumeByName(pod, m.Name)
		if v == nil {
			return nil, fmt.Errorf("volume %q of mount %s does not exist", m.Name, m.MountPath)
		}
		path := n.volumePath(key, v)
		sub := m.SubPath
		if m.SubPathExpr != "" {
			sub = expand(m.SubPathExpr, env.values)
		}
		if sub != "" {
			var err error
			if path, err = resolveSubPath(path, sub); err != nil {
				return nil, fmt.Errorf("failed to prepare subPath for volumeMount %q of container %q: %w", m.Name, c.Name, err)
			}
		}
		readOnly := m.ReadOnly || v.HostPath == nil && v.EmptyDir == nil
		mounts = append(mounts, runtime.Mount{HostPath: path, Target: absolute(m.MountPath), ReadOnly: readOnly})
	}
	message, err := n.messageMount(key, c, attempt)
	if err != nil || message == nil {
		return mounts, err
	}
	return append(mounts, *message), nil
}

func absolute(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path
}

func volumeByName(pod *corev1.Pod, name string) *corev1.Volume {
	for i := range pod.Spec.Volumes {
		if pod.Spec.Volumes[i].Name == name {
			return &pod.Spec.Volumes[i]
		}
	}
	return nil
}

// resolveSubPath finds a path inside a volume, making a directory where there is nothing. A link that leads out of
// the volume is an error.
func resolveSubPath(volume, sub string) (string, error) {
	if filepath.IsAbs(sub) || !filepath.IsLocal(sub) {
		return "", fmt.Errorf("subPath %q must stay inside the volume", sub)
	}
	root, err := os.OpenRoot(volume)
	if err != nil {
		return "", err
	}
	defer root.Close()
	if _, err := root.Stat(sub); errors.Is(err, os.ErrNotExist) {
		if err := root.MkdirAll(sub, 0o755); err != nil {
			return "", err
		}
	} else if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(filepath.Join(volume, sub))
	if err != nil {
		return "", err
	}
	return resolved, nil
}

// removeVolumes removes what is left of a Pod on disk. What the node may not remove (files of other users, where it does not run as
// root) stays, and is said once.
func (n *Node) removeVolumes(key Key) error {
	if n.DataDir == "" {
		return nil
	}
	for _, dir := range []string{n.tmpfsDir(key), n.podDir(key)} {
		err := os.RemoveAll(dir)
		if errors.Is(err, os.ErrPermission) {
			n.Logger.Warn().Err(err).Str("node", n.Name).Stringer("pod", key).Msg("volume stays on disk")
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}
