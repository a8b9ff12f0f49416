package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/probe/aisquaretest"
)

// choosy refuses messages about one series, and accepts all others.
type choosy struct{ refused string }

func (c choosy) Deliver(_ context.Context, n outbox.Notification) (string, error) {
	if n.Incident.Series == c.refused {
		return "", &outbox.DeliveryError{Reason: "refused", Permanent: true, Err: errors.New("Slack answered invalid_blocks")}
	}
	return "", nil
}

// TestARefusedMessageDoesNotStopTheWatchdog has one message that Slack refuses, and a later message that Slack accepts. The refused message
// waits ten minutes for its next attempt, although the last attempt to Slack succeeded.
func TestARefusedMessageDoesNotStopTheWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{}
		s := newSceneWith(t, sceneFile, func(o *Options) {
			o.Load = loadWith(sceneFile, choosy{refused: "feed"})
			o.Notify, o.Watchdog = m.notify, time.Minute
		})
		defer s.stop()
		s.api.SetFault(feed, aisquaretest.Fault{Status: 500})
		s.after(2 * time.Minute)
		s.api.SetFault("/o/.well-known/openid-configuration", aisquaretest.Fault{Status: 500})
		s.after(5 * time.Minute)
		m.take()
		s.after(2 * time.Minute)
		if got := m.take(); count(got, "WATCHDOG=1") < 5 || strings.Contains(s.log.String(), "a part of squarewatch is stuck") {
			t.Errorf("want the watchdog fed, got %q\n%s", got, s.log)
		}
	})
}
