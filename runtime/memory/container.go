package memory

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"coracle.dev/coracle/runtime"
)

// box is one container.
type box struct {
	runtime.Container
	spec   runtime.ContainerSpec
	number int
	run    int // how often it was started; an end adds one too, so that it names one run
	script *Script
	space  *space // its network namespace, while it runs
	output output
	exited chan struct{} // made when somebody waits for the end, closed at the end
	main   *process      // of a Program, while it runs
	taken  int64         // bytes allocated by its processes
	cancel context.CancelFunc
	inside context.Context // ends with the run; made when a process needs it
}

func (e *Engine) CreateContainer(ctx context.Context, spec runtime.ContainerSpec) (id string, err error) {
	err = e.do(ctx, call{"CreateContainer", spec.Image, spec.Name}, func() error {
		if other := e.names[spec.Name]; other != nil && spec.Name != "" {
			return fmt.Errorf("create container %s: %w: the name is in use by container %s", spec.Name, runtime.ErrConflict, other.ID)
		}
		image, err := e.image(spec.Image)
		if err != nil {
			return fmt.Errorf("create container %s: %w", spec.Name, err)
		}
		id = e.create(spec, image).ID
		return nil
	})
	return id, err
}

func (e *Engine) create(spec runtime.ContainerSpec, image *runtime.Image) *box {
	e.created++
	sum := sha256.Sum256([]byte(e.info.ID + "/" + strconv.Itoa(e.created)))
	b := &box{spec: spec, number: e.created}
	labels := make(map[string]string, len(spec.Labels)+1)
	maps.Copy(labels, spec.Labels)
	labels[runtime.LabelManaged] = e.nodeName
	b.Container = runtime.Container{
		ID:          hex.EncodeToString(sum[:]),
		Name:        spec.Name,
		Image:       spec.Image,
		ImageID:     image.ID,
		Labels:      labels,
		State:       runtime.StateCreated,
		Created:     e.clock.Now(),
		IP:          spec.Network.IP,
		TTY:         spec.TTY,
		RepoDigests: image.RepoDigests,
	}
	if b.Name == "" {
		b.Name = b.ID[:12]
	}
	e.containers[b.ID], e.names[b.Name] = b, b
	return b
}

func (e *Engine) RemoveContainer(ctx context.Context, id string) error {
	return e.do(ctx, e.about("RemoveContainer", id), func() error {
		b := e.find(id)
		if b == nil {
			return nil
		}
		if b.State == runtime.StateRunning {
			e.exit(b, killed, false, e.clock.Now())
		}
		delete(e.containers, b.ID)
		delete(e.names, b.Name)
		e.emit(runtime.EventRemoved, b, e.clock.Now())
		return nil
	})
}

func (e *Engine) InspectContainer(ctx context.Context, id string) (found runtime.Container, err error) {
	err = e.do(ctx, e.about("InspectContainer", id), func() error {
		b, err := e.get(id)
		if err == nil {
			found = b.snapshot()
		}
		return err
	})
	return found, err
}

// ListContainers is in the order of creation, and as partial as the contract says: who reads what only an inspection
// fills finds nothing.
func (e *Engine) ListContainers(ctx context.Context) (all []runtime.Container, err error) {
	err = e.do(ctx, call{method: "ListContainers"}, func() error {
		boxes := slices.SortedFunc(maps.Values(e.containers), func(a, b *box) int { return cmp.Compare(a.number, b.number) })
		all = make([]runtime.Container, 0, len(boxes))
		for _, b := range boxes {
			c := b.snapshot()
			all = append(all, runtime.Container{ID: c.ID, Name: c.Name, Image: c.Image, ImageID: c.ImageID,
				Labels: c.Labels, State: c.State, Created: c.Created})
		}
		return nil
	})
	return all, err
}

func (e *Engine) Stats(ctx context.Context, id string) (stats runtime.Stats, err error) {
	err = e.do(ctx, e.about("Stats", id), func() error {
		b, err := e.getRunning(id)
		if err != nil {
			return err
		}
		now := e.clock.Now()
		if stats = idle(now.Sub(b.Started), b.taken); b.script.Stats != nil {
			stats = b.script.Stats(now.Sub(b.Started))
		}
		stats.Time = now
		return nil
	})
	return stats, err
}

// idle is what a process uses of which no script says more: a hundredth of a core and a MiB.
func idle(age time.Duration, taken int64) runtime.Stats {
	memory := uint64(1<<20 + taken)
	return runtime.Stats{CPUNanos: uint64(age.Nanoseconds()/100) + 1, MemoryBytes: memory, MemoryRSS: memory, Pids: 1}
}

// snapshot is a copy that the caller may keep.
func (b *box) snapshot() runtime.Container {
	c := b.Container
	c.Labels = maps.Clone(c.Labels)
	return c
}
