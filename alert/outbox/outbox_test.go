package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

func TestOneMessageASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMessenger()
		o := deliverTo(t, m, 0)
		for _, id := range []string{"a", "b", "c"} {
			o.Add(change(alert.EventFiring, id))
		}
		wait(t, time.Minute)
		want(t, []string{"firing a", "firing b late 1s", "firing c late 2s"}, m.said())
		want(t, seconds(0, 1, 2), m.tried())
	})
}

func TestRetryTimes(t *testing.T) {
	unavailable := failure("unavailable", 0)
	for name, test := range map[string]struct {
		answers []error
		want    []time.Duration
	}{
		"Retry-After to the second": {
			[]error{failure("rate_limited", 7*time.Second), failure("rate_limited", 90*time.Second)}, seconds(0, 7, 97),
		},
		"backoff doubles":                      {[]error{unavailable, unavailable, failure("network", 0), unavailable}, seconds(0, 1, 3, 7, 15)},
		"errors of another kind are transient": {[]error{errors.New("unknown")}, seconds(0, 1)},
		"refusals are retried slowly":          {[]error{refusal(), refusal()}, seconds(0, 600, 1200)},
		"an attempt times out":                 {nil, seconds(0, 31)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMessenger(test.answers...)
				if test.answers == nil {
					m.slow = time.Hour
				}
				o := deliverTo(t, m, 0)
				o.Add(change(alert.EventFiring, "a"))
				wait(t, test.want[len(test.want)-1]+time.Nanosecond)
				want(t, test.want, m.tried())
			})
		})
	}
}

func TestBackoffEndsAtFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMessenger()
		m.answer = func(int) error { return failure("network", 0) }
		o := outbox.New(outbox.Options{
			Destinations: map[string]outbox.Destination{"ops": {Notifier: m}}, Rand: func() float64 { return 0.999 },
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go o.Run(ctx)
		o.Add(change(alert.EventFiring, "a"))
		wait(t, time.Hour)
		tried := m.tried()
		if last := tried[len(tried)-1] - tried[len(tried)-2]; last != 5*time.Minute {
			t.Errorf("want 5m between attempts at last, got %v", last)
		}
		if first := tried[1] - tried[0]; first <= time.Second || first > 1500*time.Millisecond {
			t.Errorf("want jitter on the first wait, got %v", first)
		}
	})
}

func TestWaitingChangesAreFolded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMessenger(failure("rate_limited", 30*time.Second), nil)
		o := deliverTo(t, m, 0)
		o.Add(change(alert.EventFiring, "a"))
		wait(t, 10*time.Second)
		o.Add(change(alert.EventUpdate, "a"))
		o.Add(change(alert.EventFiring, "b"))
		wait(t, 10*time.Second)
		o.Add(change(alert.EventResolved, "b"))
		if count, oldest, last := o.Pending("ops"); count != 2 ||
			time.Since(oldest) != 20*time.Second || !strings.Contains(last, "rate_limited") {
			t.Errorf("want 2 pending for 20s with their reason, got %d, %v, %q", count, oldest, last)
		}
		due := time.Now().Add(10 * time.Second)
		want(t, []outbox.Backlog{{
			Notifier: "ops", Pending: 2, OldestAge: 20 * time.Second, Due: due, LastError: "rate_limited: no",
		}}, o.Status())
		wait(t, time.Minute)
		want(t, []string{"firing a folds 1 late 30s", "resolved b folds 1 late 21s"}, m.said())
		want(t, []outbox.Backlog{{Notifier: "ops", Delivered: time.Now().Add(-49 * time.Second)}}, o.Status())
	})
}

func TestAChangeDuringADeliveryIsDeliveredAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMessenger()
		m.slow = 10 * time.Second
		o := deliverTo(t, m, 0)
		o.Add(change(alert.EventFiring, "a"))
		wait(t, time.Second)
		o.Add(change(alert.EventResolved, "a"))
		wait(t, time.Minute)
		want(t, []string{"firing a", "resolved a late 9s"}, m.said())
	})
}

func TestChangesOfARuleWithinGroupWaitAreOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMessenger()
		o := deliverTo(t, m, 5*time.Second)
		o.Add(change(alert.EventFiring, "a"))
		wait(t, 3*time.Second)
		o.Add(change(alert.EventFiring, "b"))
		other := change(alert.EventFiring, "c")
		other.Incident.Rule = "other"
		o.Add(other)
		wait(t, time.Minute)
		want(t, []string{"firing a+b late 5s", "firing c late 5s"}, m.said())
		want(t, seconds(5, 8), m.tried())
	})
}

func TestADayLongOutageOfTheDestination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := time.Now().Add(24 * time.Hour)
		m := newMessenger()
		m.answer = func(int) error {
			if time.Now().Before(down) {
				return failure("network", 0)
			}
			return nil
		}
		o := deliverTo(t, m, 0)
		for i := range 24 * 60 {
			for p := range 10 {
				c := change(alert.EventFiring, fmt.Sprintf("%d-%d", p, i/2))
				if i%2 == 1 {
					c.Event, c.Incident.Resolved = alert.EventResolved, time.Now()
				}
				c.Incident.Series = strconv.Itoa(p)
				o.Add(c)
			}
			if count, _, _ := o.Pending("ops"); count > 1010 {
				t.Fatalf("want a bounded queue, got %d", count)
			}
			wait(t, time.Minute)
		}
		wait(t, 10*time.Minute)
		if count, _, _ := o.Pending("ops"); count != 0 || len(m.said()) > 3 {
			t.Errorf("want three messages at most, got %d, and %d pending", len(m.said()), count)
		}
	})
}

func TestARefusedMessageDoesNotDelayOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		m := newMessenger(refusal(), nil, refusal(), nil)
		o := outbox.New(outbox.Options{
			Destinations: map[string]outbox.Destination{"ops": {Notifier: m}}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { o.Run(ctx) })
		o.Add(change(alert.EventFiring, "a"))
		wait(t, time.Minute)
		o.Add(change(alert.EventFiring, "b"))
		wait(t, time.Hour)
		cancel()
		running.Wait()
		want(t, []string{"firing b", "firing a late 20m0s"}, m.said())
		if !strings.Contains(log.String(), "mend it") {
			t.Errorf("want the log to say what to mend, got %s", log.String())
		}
	})
}

func TestAReloadKeepsWaitingMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, mended, other := newMessenger(refusal()), newMessenger(), newMessenger(refusal())
		o := deliverTo(t, broken, 0)
		o.Replace(map[string]outbox.Destination{"ops": {Notifier: broken}, "other": {Notifier: other}})
		wait(t, time.Second)
		o.Add(change(alert.EventFiring, "a"))
		wait(t, time.Second)
		o.Replace(map[string]outbox.Destination{"ops": {Notifier: mended}})
		wait(t, time.Second)
		want(t, []string{"firing a late 1s"}, mended.said())
		o.Add(change(alert.EventResolved, "a"))
		wait(t, time.Hour)
		if count, _, _ := o.Pending("other"); count != 0 || len(o.Status()) != 1 || len(other.tried()) != 1 {
			t.Errorf("want nothing more for a notifier that was removed, got %d pending", count)
		}
	})
}

func TestRunDeliversTheRestWithinItsGraceTime(t *testing.T) {
	for name, test := range map[string]struct {
		answers []error
		slow    time.Duration
		took    time.Duration
		said    int
	}{
		"does not wait for the group":       {nil, 0, time.Second, 2},
		"tries again within the grace time": {[]error{failure("network", 0)}, 0, 2 * time.Second, 2},
		"gives up after the grace time":     {nil, time.Hour, 3 * time.Second, 0},
		"begins nothing at its end":         {[]error{failure("rate_limited", 2500*time.Millisecond)}, 0, 0, 0},
		"skips what is due later":           {[]error{failure("rate_limited", time.Hour)}, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMessenger(test.answers...)
				m.slow = test.slow
				o := outbox.New(outbox.Options{
					Destinations: map[string]outbox.Destination{"ops": {Notifier: m, GroupWait: time.Minute}}, Rand: func() float64 { return 0 },
				})
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() { o.Run(ctx) })
				o.Add(change(alert.EventFiring, "a"))
				o.Add(alone("b"))
				synctest.Wait()
				begin := time.Now()
				cancel()
				running.Wait()
				want(t, test.took, time.Since(begin))
				want(t, test.said, len(m.said()))
			})
		})
	}
}

func TestATestMessageGoesOnlyToItsNotifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, other := newMessenger(), newMessenger()
		o := deliverTo(t, m, 0)
		o.Replace(map[string]outbox.Destination{"ops": {Notifier: m}, "other": {Notifier: other}})
		for range 2 {
			o.Add(alert.Transition{At: time.Now(), Event: alert.EventTest, Notify: []string{"ops", "unknown"}})
		}
		wait(t, time.Minute)
		want(t, []string{"test ", "test  late 1s"}, m.said())
		want(t, nil, other.said())
	})
}
