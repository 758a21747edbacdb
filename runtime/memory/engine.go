package memory

import (
	"context"
	"fmt"
	goruntime "runtime"
	"sync"

	"k8s.io/utils/clock"

	"coracle.dev/coracle/runtime"
)

// Options of an engine. The zero value is a machine that can pull every image and run all of them.
type Options struct {
	// Clock is what delays and ages are measured by; nil is the real one.
	Clock clock.WithDelayedExecution
	// NodeName is the value of the label on all containers; empty is "memory".
	NodeName string
	// Info is what the engine says of its machine; zero fields get defaults (4 CPUs, 8 GiB).
	Info runtime.Info
	// Images are there from the beginning, by reference.
	Images  []string
	Scripts []Script
	Faults  []Fault
}

// Engine keeps everything in memory. It is safe for concurrent use.
type Engine struct {
	clock    clock.WithDelayedExecution
	nodeName string
	info     runtime.Info

	mu         sync.Mutex
	away       chan struct{} // closed while the engine does not answer
	scripts    []*counted[Script]
	faults     []*counted[Fault]
	containers map[string]*box // by id
	names      map[string]*box
	created    int // containers ever
	images     map[string]*runtime.Image
	networks   map[string]*network
	hostPorts  map[runtime.PortBinding]*box // ContainerPort left 0
	pids       int
	queue      queue
	events     map[*subscription]struct{}
}

var _ runtime.Engine = (*Engine)(nil)

// New makes an engine with nothing on it but Options.Images.
func New(options Options) *Engine {
	e := &Engine{
		clock:      options.Clock,
		nodeName:   options.NodeName,
		info:       options.Info,
		away:       make(chan struct{}),
		containers: map[string]*box{},
		names:      map[string]*box{},
		images:     map[string]*runtime.Image{},
		networks:   map[string]*network{},
		hostPorts:  map[runtime.PortBinding]*box{},
		events:     map[*subscription]struct{}{},
	}
	if e.clock == nil {
		e.clock = clock.RealClock{}
	}
	if e.nodeName == "" {
		e.nodeName = "memory"
	}
	setDefaults(&e.info, e.nodeName)
	e.SetScripts(options.Scripts...)
	e.SetFaults(options.Faults...)
	for _, ref := range options.Images {
		e.AddImage(runtime.Image{Tags: []string{ref}})
	}
	return e
}

func setDefaults(info *runtime.Info, nodeName string) {
	for field, value := range map[*string]string{
		&info.ID: "memory-" + nodeName, &info.Name: nodeName, &info.EngineName: "memory", &info.EngineVersion: "1",
		&info.OS: "linux", &info.Architecture: goruntime.GOARCH, &info.OperatingSystem: "memory", &info.KernelVersion: "0",
	} {
		if *field == "" {
			*field = value
		}
	}
	if info.CPUs == 0 {
		info.CPUs = 4
	}
	if info.MemoryBytes == 0 {
		info.MemoryBytes = 8 << 30
	}
}

// SetScripts replaces the scripts, with fresh counts. Containers that run keep theirs.
func (e *Engine) SetScripts(scripts ...Script) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.scripts = counting(scripts, func(s Script) int { return s.Times })
}

// SetFaults replaces the faults, with fresh counts. A call that hangs or waits already goes on doing so.
func (e *Engine) SetFaults(faults ...Fault) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = counting(faults, func(f Fault) int { return f.Times })
}

func (e *Engine) Info(ctx context.Context) (info runtime.Info, err error) {
	err = e.do(ctx, call{method: "Info"}, func() error {
		info = e.info
		return nil
	})
	return info, err
}

// call is what faults are matched with.
type call struct{ method, image, container string }

// do makes one call: what the faults say, and the effect, with the lock held and time up to date.
func (e *Engine) do(ctx context.Context, c call, effect func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", c.method, context.Cause(ctx))
	}
	e.mu.Lock()
	fault := take(e.faults, func(f Fault) bool { return f.matches(c) })
	away := e.away
	if fault == nil {
		defer e.mu.Unlock()
		return e.effect(c, effect)
	}
	e.mu.Unlock()
	if !fault.After {
		if err := e.suffer(ctx, away, c, *fault); err != nil {
			return err
		}
		return e.locked(c, effect)
	}
	if err := e.locked(c, effect); err != nil {
		return err
	}
	return e.suffer(ctx, away, c, *fault)
}

func (e *Engine) locked(c call, effect func() error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.effect(c, effect)
}

func (e *Engine) effect(c call, effect func() error) error {
	if closed(e.away) {
		return unavailable(c)
	}
	e.advance()
	return effect()
}

// suffer waits as the fault says and returns its error.
func (e *Engine) suffer(ctx context.Context, away <-chan struct{}, c call, f Fault) error {
	if f.Delay > 0 {
		timer := e.clock.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C():
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", c.method, context.Cause(ctx))
		case <-away:
			return unavailable(c)
		}
	}
	if f.Hang {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", c.method, context.Cause(ctx))
		case <-away:
			return unavailable(c)
		}
	}
	if f.Err != nil {
		return fmt.Errorf("%s: %w", c.method, f.Err)
	}
	return nil
}

func unavailable(c call) error { return fmt.Errorf("%s: %w", c.method, runtime.ErrUnavailable) }

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// about names the container of a call for faults. One that is not there has no name.
func (e *Engine) about(method, id string) call {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := call{method: method}
	if b := e.find(id); b != nil {
		c.container, c.image = b.Name, b.Image
	}
	return c
}

// find returns the container of an id or name, or nil.
func (e *Engine) find(id string) *box {
	if b := e.containers[id]; b != nil {
		return b
	}
	return e.names[id]
}

func (e *Engine) get(id string) (*box, error) {
	if b := e.find(id); b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("container %s: %w", id, runtime.ErrNotFound)
}

func (e *Engine) getRunning(id string) (*box, error) {
	b, err := e.get(id)
	if err == nil && b.State != runtime.StateRunning {
		err = fmt.Errorf("container %s is not running: %w", b.Name, runtime.ErrConflict)
	}
	return b, err
}
