package outbox_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squarewatch/alert/alerttest"
)

// The fixtures of alerttest under short names.
var (
	start     = alerttest.Start
	sec       = alerttest.Second
	result    = alerttest.Result
	probes    = alerttest.Probes
	engine    = alerttest.Engine
	codes     = alerttest.Codes
	feed      = alerttest.Feed
	rule      = alerttest.Rule
	short     = alerttest.Short
	restarted = alerttest.Restarted
)

func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

func want[T any](t *testing.T, expected, got T) {
	t.Helper()
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
