package api

import (
	"testing"
	"time"
)

// One document a state in testdata/<resource>.yaml, one line in <resource>.golden.
func TestTablesReadAsKubectlGet(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, kind := range Kinds() {
		t.Run(kind.Resource, func(t *testing.T) {
			golden(t, kind.Resource, table(kind, objectsIn(t, kind, kind.Resource), now))
		})
	}
}
