package gitsource

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain checks that sources, watches and abandoned fetches leave no goroutine behind.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}
