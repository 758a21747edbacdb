package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"coracle.dev/coracle/runtime"
)

// Limits of termination messages, as the API documents them.
const (
	maxMessage      = 4096
	maxLogMessage   = 2048
	maxMessageLines = 80
)

func (n *Node) messageFile(key Key, container string, attempt int) string {
	return filepath.Join(n.podDir(key), "messages", container+"_"+strconv.Itoa(attempt))
}

// messageMount is the file that a container may leave words in. Without a data directory there is none.
func (n *Node) messageMount(key Key, c *corev1.Container, attempt int) (*runtime.Mount, error) {
	if n.DataDir == "" {
		return nil, nil
	}
	path := n.messageFile(key, c.Name, attempt)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make termination message file: %w", err)
	}
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		return nil, fmt.Errorf("make termination message file: %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil { // whatever the umask and the container's user
		return nil, fmt.Errorf("make termination message file: %w", err)
	}
	target := c.TerminationMessagePath
	if target == "" {
		target = corev1.TerminationMessagePathDefault
	}
	return &runtime.Mount{HostPath: path, Target: target}, nil
}

// readMessage keeps what a dead container left to say: its file, or the end of its log where that is wanted.
func (n *Node) readMessage(ctx context.Context, key Key, pod *corev1.Pod, state *podState, step Step) error {
	message := n.messageIn(n.messageFile(key, step.Container, step.Attempt))
	c := containerByName(pod, step.Container)
	if message == "" && c != nil && c.TerminationMessagePolicy == corev1.TerminationMessageFallbackToLogsOnError {
		failed := false
		for _, seen := range n.inventory.snapshot(key) {
			failed = failed || seen.ID == step.ID && seen.ExitCode != 0
		}
		if failed {
			var err error
			if message, err = n.endOfLog(ctx, step.ID); unavailable(err) {
				return err
			}
		}
	}
	state.remember(func(m *Memory) { m.Messages[step.ID] = message })
	return nil
}

// removeMessage goes with the container.
func (n *Node) removeMessage(key Key, step Step) error {
	if n.DataDir == "" || step.Container == "" {
		return nil
	}
	if err := os.Remove(n.messageFile(key, step.Container, step.Attempt)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove termination message file: %w", err)
	}
	return nil
}

func (n *Node) messageIn(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "" // no data directory, or it was lost: the container left no words
	}
	defer f.Close()
	data, _ := io.ReadAll(io.LimitReader(f, maxMessage))
	return string(data)
}

// endOfLog is the last 80 lines, at most 2 KiB of them.
func (n *Node) endOfLog(ctx context.Context, id string) (string, error) {
	lines := int64(maxMessageLines)
	var out tailBuffer
	err := n.Engine.Logs(ctx, id, runtime.LogOptions{Tail: &lines}, &out, &out)
	if errors.Is(err, runtime.ErrNotFound) {
		err = nil
	}
	return string(bytes.ToValidUTF8(out.data, nil)), err
}

// tailBuffer keeps the last maxLogMessage bytes written to it.
type tailBuffer struct {
	mu   sync.Mutex // of stdout and stderr
	data []byte
}

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.data = append(b.data, p...)
	if excess := len(b.data) - maxLogMessage; excess > 0 {
		b.data = append(b.data[:0], b.data[excess:]...)
	}
	return len(p), nil
}
