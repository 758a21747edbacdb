package memory_test

import (
	"testing"

	"go.uber.org/goleak"
)

// A container without a program has no goroutine, and one with a program has none after its end.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
