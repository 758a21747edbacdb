package enginetest

import (
	"errors"
	"sync"
	"testing"

	"coracle.dev/coracle/runtime"
)

var concurrencyTests = []test{
	{name: "many lives at once", run: manyLives},
	{name: "one name, many callers", run: oneName},
	{name: "one container, many callers", run: oneContainer},
}

const callers = 8

// together runs a func from many goroutines at once and returns their errors.
func together(f func(caller int) error) []error {
	errs := make([]error, callers)
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() { errs[caller] = f(caller) })
	}
	all.Wait()
	return errs
}

func manyLives(t *testing.T, c contract) {
	codes := make([]int, callers)
	errs := together(func(caller int) error {
		id, err := c.CreateContainer(within(t), runtime.ContainerSpec{Name: c.name(), Image: c.Image, Args: []string{"stubborn"}})
		if err != nil {
			return err
		}
		if err := c.StartContainer(within(t), id); err != nil {
			return err
		}
		if err := c.StopContainer(within(t), id, 0); err != nil {
			return err
		}
		found, err := c.InspectContainer(within(t), id)
		if err != nil {
			return err
		}
		codes[caller] = found.ExitCode
		return c.RemoveContainer(within(t), id)
	})
	for caller, err := range errs {
		if err != nil || codes[caller] != 137 {
			t.Errorf("life %d: code %d, error %v", caller, codes[caller], err)
		}
	}
}

func oneName(t *testing.T, c contract) {
	name := c.name()
	t.Cleanup(func() {
		if err := c.RemoveContainer(within(t), name); err != nil {
			t.Error(err)
		}
	})
	won := 0
	for _, err := range together(func(int) error {
		_, err := c.CreateContainer(within(t), runtime.ContainerSpec{Name: name, Image: c.Image})
		return err
	}) {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, runtime.ErrConflict):
			t.Errorf("got %v, want ErrConflict", err)
		}
	}
	if won != 1 {
		t.Errorf("%d callers created it, want 1", won)
	}
}

// All calls that are idempotent may come twice at the same time.
func oneContainer(t *testing.T, c contract) {
	id := c.create(t, runtime.ContainerSpec{Args: []string{"stubborn"}})
	for what, call := range map[string][]error{
		"start":  together(func(int) error { return c.StartContainer(within(t), id) }),
		"stop":   together(func(int) error { return c.StopContainer(within(t), id, 0) }),
		"remove": together(func(int) error { return c.RemoveContainer(within(t), id) }),
	} {
		for _, err := range call {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	if _, err := c.InspectContainer(within(t), id); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("got %v, want it gone", err)
	}
}
