package controller

import "sync"

// SlowStart calls f(0) … f(count-1) in batches of 1, 2, 4, 8 … at once, and stops after the first batch in which
// a call failed: if the first Pod is refused, the other 499 would be too. It returns how many calls succeeded, and the
// first error in the order of calls.
func SlowStart(count int, f func(i int) error) (succeeded int, err error) {
	for start, size := 0, 1; start < count; start, size = start+size, size*2 {
		end := min(start+size, count)
		ok, err := Together(end-start, func(i int) error { return f(start + i) })
		succeeded += ok
		if err != nil {
			return succeeded, err
		}
	}
	return succeeded, nil
}

// Together calls f(0) … f(count-1) at once, waits for all, and returns how many succeeded and the first error in the order
// of calls.
func Together(count int, f func(i int) error) (succeeded int, err error) {
	errs := make([]error, count)
	var calls sync.WaitGroup
	for i := range count {
		calls.Go(func() { errs[i] = f(i) })
	}
	calls.Wait()
	for _, each := range errs {
		if each == nil {
			succeeded++
		} else if err == nil {
			err = each
		}
	}
	return succeeded, err
}
