package controller

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

func TestSlowStartDoublesAndStopsAtTheFirstFailure(t *testing.T) {
	for _, test := range []struct{ count, failing, calls, succeeded int }{
		{0, -1, 0, 0}, {1, -1, 1, 1}, {10, -1, 10, 10}, {500, -1, 500, 500},
		{500, 0, 1, 0}, {500, 2, 3, 2}, {500, 4, 7, 6},
	} {
		var calls atomic.Int32
		refused := errors.New("refused")
		succeeded, err := SlowStart(test.count, func(i int) error {
			calls.Add(1)
			if i == test.failing {
				return refused
			}
			return nil
		})
		if int(calls.Load()) != test.calls || succeeded != test.succeeded || errors.Is(err, refused) != (test.failing >= 0) {
			t.Errorf("%d, failing at %d: %d calls, %d succeeded, error %v; want %d, %d",
				test.count, test.failing, calls.Load(), succeeded, err, test.calls, test.succeeded)
		}
	}
}

func TestSlowStartBatchesRunAtOnce(t *testing.T) {
	var batch sync.WaitGroup
	batch.Add(4) // calls 3 … 6 are the third batch: each waits for the other three
	if _, err := SlowStart(7, func(i int) error {
		if i >= 3 {
			batch.Done()
			batch.Wait()
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestTogetherReturnsTheFirstErrorInOrder(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	secondDone := make(chan bool)
	succeeded, err := Together(3, func(i int) error {
		switch i {
		case 0:
			<-secondDone
			return first
		case 1:
			close(secondDone)
			return second
		}
		return nil
	})
	if succeeded != 1 || !errors.Is(err, first) {
		t.Errorf("%d succeeded, error %v", succeeded, err)
	}
}

func TestPace(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Unix(0, 0))
	pace := NewPace[string](clock, 100*time.Millisecond)
	wait := func(key string, want time.Duration) {
		t.Helper()
		if got := pace.Wait(key); got != want {
			t.Errorf("%s waits %v, want %v", key, got, want)
		}
	}
	wait("web", 0)
	pace.Wrote("web")
	wait("web", 100*time.Millisecond)
	wait("db", 0)
	clock.SetTime(clock.Now().Add(60 * time.Millisecond))
	wait("web", 40*time.Millisecond)
	clock.SetTime(clock.Now().Add(time.Hour))
	wait("web", 0)
	pace.Wrote("web")
	pace.Forget("web")
	wait("web", 0)
}
