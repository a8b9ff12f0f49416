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

	"pgregory.net/rapid"
)

// messenger is a notifier whose answers the test decides.
type messenger struct {
	answer func(attempt int) error // nil accepts every message
	slow   time.Duration

	mu       sync.Mutex
	begin    time.Time
	attempts []time.Duration
	taken    []outbox.Notification
}

func newMessenger(answers ...error) *messenger {
	m := &messenger{begin: time.Now()}
	m.answer = func(attempt int) error {
		if attempt < len(answers) {
			return answers[attempt]
		}
		return nil
	}
	return m
}

func (m *messenger) Deliver(ctx context.Context, n outbox.Notification) (string, error) {
	m.mu.Lock()
	attempt := len(m.attempts)
	m.attempts = append(m.attempts, time.Since(m.begin))
	m.mu.Unlock()
	if m.slow > 0 {
		select {
		case <-time.After(m.slow):
		case <-ctx.Done():
			return "", &outbox.DeliveryError{Reason: "timeout", Err: ctx.Err()}
		}
	}
	err := m.answer(attempt)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		m.taken = append(m.taken, n)
	}
	return "", err
}

// said returns the accepted messages as text: event, incidents, and what else they report.
func (m *messenger) said() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var lines []string
	for _, n := range m.taken {
		ids := []string{n.Incident.ID}
		for _, other := range n.Others {
			ids = append(ids, other.ID)
		}
		line := fmt.Sprintf("%s %s", n.Event, strings.Join(ids, "+"))
		if n.Folded > 0 {
			line = fmt.Sprintf("%s folds %d", line, n.Folded)
		}
		if n.Late > 0 {
			line = fmt.Sprintf("%s late %v", line, n.Late)
		}
		lines = append(lines, line)
	}
	return lines
}

func (m *messenger) tried() []time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.attempts
}

func change(event alert.Event, id string) alert.Transition {
	c := alert.Transition{At: time.Now(), Event: event, Incident: alert.Incident{ID: id, Rule: "r", Series: id, Since: time.Now()}}
	if event == alert.EventResolved {
		c.Incident.Resolved = time.Now()
	}
	return c
}

// alone returns the end of an incident whose FIRING is never announced.
func alone(id string) alert.Transition {
	c := change(alert.EventResolved, id)
	c.Alone = true
	return c
}

func failure(reason string, retryAfter time.Duration) error {
	return &outbox.DeliveryError{Reason: reason, RetryAfter: retryAfter, Err: errors.New("no")}
}

func refusal() error {
	return &outbox.DeliveryError{Reason: "refused", Permanent: true, Fix: "mend it", Err: errors.New("no")}
}

// deliverTo runs an outbox with one destination, ops.
func deliverTo(t *testing.T, m outbox.Notifier, groupWait time.Duration) *outbox.Outbox {
	t.Helper()
	o := outbox.New(outbox.Options{
		Destinations: map[string]outbox.Destination{"ops": {Notifier: m, GroupWait: groupWait}}, Rand: func() float64 { return 0 },
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { o.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return o
}

func seconds(list ...float64) []time.Duration {
	var all []time.Duration
	for _, s := range list {
		all = append(all, time.Duration(s*float64(time.Second)))
	}
	return all
}

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
		"refusals slowly":                      {[]error{refusal(), refusal()}, seconds(0, 600, 1200)},
		"an attempt has an end":                {nil, seconds(0, 31)},
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
		want(t, []outbox.Backlog{{Notifier: "ops"}}, o.Status())
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
			t.Errorf("want a handful of messages that people can read, got %d, and %d pending", len(m.said()), count)
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
			t.Errorf("want nothing more for a notifier that is gone, got %d pending", count)
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
		"delivers what waits for company": {nil, 0, time.Second, 2},
		"tries again within the grace":    {[]error{failure("network", 0)}, 0, 2 * time.Second, 2},
		"gives up after it":               {nil, time.Hour, 3 * time.Second, 0},
		"waits for no later time":         {[]error{failure("rate_limited", time.Hour)}, 0, 0, 0},
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

func TestNoMessageIsLostAndTheLastOneIsTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			answers := rapid.SliceOfN(rapid.SampledFrom([]error{
				nil, failure("network", 0), failure("rate_limited", 40*time.Second), refusal(),
			}), 0, 20)
			m := newMessenger(answers.Draw(t, "answers")...)
			o := outbox.New(outbox.Options{
				Destinations: map[string]outbox.Destination{
					"ops": {Notifier: m, GroupWait: time.Duration(rapid.IntRange(0, 9).Draw(t, "group wait")) * time.Second},
				},
			})
			ctx, cancel := context.WithCancel(context.Background())
			var running sync.WaitGroup
			running.Go(func() { o.Run(ctx) })
			history := map[string][]alert.Event{}
			changed := map[string]time.Time{} // by series
			for range rapid.IntRange(1, 30).Draw(t, "changes") {
				id := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "series")
				if changed[id].Equal(time.Now()) {
					<-time.After(time.Millisecond) // no two changes at the same time, because messages are identified by their time
				}
				changed[id] = time.Now()
				c := next(history, id, rapid.Bool().Draw(t, "update"))
				o.Add(c)
				history[c.Incident.ID] = append(history[c.Incident.ID], c.Event)
				<-time.After(time.Duration(rapid.SampledFrom([]int{0, 0, 1, 30, 500}).Draw(t, "seconds")) * time.Second)
			}
			<-time.After(24 * time.Hour)
			cancel()
			running.Wait()
			checkTold(t, history, m.taken)
		})
	})
}

// next returns a change that an engine could return: firing, updates, resolved, and then a new incident.
func next(history map[string][]alert.Event, series string, update bool) alert.Transition {
	id := series + "0"
	for number := 1; len(history[id]) > 0 && history[id][len(history[id])-1] == alert.EventResolved; number++ {
		id = fmt.Sprint(series, number)
	}
	event := alert.EventFiring
	switch {
	case len(history[id]) > 0 && update:
		event = alert.EventUpdate
	case len(history[id]) > 0:
		event = alert.EventResolved
	}
	c := change(event, id)
	c.Incident.Series = series
	return c
}

// checkTold compares the accepted messages with the history: each change of every incident once, in order, the last one last.
func checkTold(t *rapid.T, history map[string][]alert.Event, taken []outbox.Notification) {
	stands := map[string]int{}
	last := map[string]alert.Event{}
	ids := map[string]bool{}
	for _, n := range taken {
		if ids[n.ID] {
			t.Fatalf("the message %s came twice", n.ID)
		}
		ids[n.ID] = true
		stands[n.Incident.ID] += n.Folded + 1
		for _, incident := range append([]alert.Incident{n.Incident}, n.Others...) {
			if last[incident.ID] == alert.EventResolved {
				t.Fatalf("%s came after its end", incident.ID)
			}
			if last[incident.ID] == "" && n.Event == alert.EventUpdate {
				t.Fatalf("an update of %s came before its beginning", incident.ID)
			}
			last[incident.ID] = n.Event
		}
	}
	for id, changes := range history {
		end := changes[len(changes)-1]
		if end == alert.EventUpdate && last[id] == alert.EventFiring {
			continue // folded: one message reported the beginning and the latest state
		}
		if last[id] != end {
			t.Fatalf("%s: want %s told last, got %q", id, end, last[id])
		}
		if stands[id] > len(changes) {
			t.Fatalf("%s: %d changes were told as %d", id, len(changes), stands[id])
		}
	}
}
