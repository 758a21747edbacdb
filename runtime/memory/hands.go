package memory

import (
	"fmt"
	"maps"
	"slices"

	"coracle.dev/coracle/runtime"
)

// Kill ends a running container as `docker kill` does from outside: exit code 137.
func (e *Engine) Kill(id string) error { return e.Exit(id, killed) }

// Exit ends a running container's process with an exit code, as if by itself.
func (e *Engine) Exit(id string, code int) error {
	return e.locked(call{method: "Exit"}, func() error {
		b, err := e.getRunning(id)
		if err != nil {
			return err
		}
		e.exit(b, code, false, e.clock.Now())
		return nil
	})
}

// Disconnect makes the engine not answer: every call is ErrUnavailable, streams break, event channels close. The containers
// run on, and what they do meanwhile is seen after Up.
func (e *Engine) Disconnect() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.disconnect()
}

// Down is Disconnect, and all containers are killed, as when dockerd stops.
func (e *Engine) Down() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.advance()
	e.disconnect()
	for _, id := range slices.Sorted(maps.Keys(e.containers)) {
		if b := e.containers[id]; b.State == runtime.StateRunning {
			e.exit(b, killed, false, e.clock.Now())
		}
	}
}

// Up makes the engine answer again, after Disconnect or Down.
func (e *Engine) Up() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if closed(e.away) {
		e.away = make(chan struct{})
	}
}

// Restart is Down and Up: what is left are exited containers, and event channels that are closed.
func (e *Engine) Restart() {
	e.Down()
	e.Up()
}

func (e *Engine) disconnect() {
	if closed(e.away) {
		return
	}
	close(e.away)
	for s := range e.events {
		e.unsubscribe(s)
	}
}

// AddImage puts an image on the engine as if it had been loaded. It needs a tag; its ID is made from that if empty.
func (e *Engine) AddImage(image runtime.Image) {
	if len(image.Tags) == 0 {
		panic(fmt.Sprintf("memory: image %s has no tag", image.ID))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.addImage(image)
}
