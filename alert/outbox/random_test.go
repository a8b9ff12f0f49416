package outbox_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"

	"pgregory.net/rapid"
)

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
			checkDelivered(t, history, m.taken)
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

// checkDelivered compares the accepted messages with the history. Each change of an incident is delivered once at most, and the last
// message shows the last change.
func checkDelivered(t *rapid.T, history map[string][]alert.Event, taken []outbox.Notification) {
	changesOf := map[string]int{}
	last := map[string]alert.Event{}
	ids := map[string]bool{}
	for _, n := range taken {
		if ids[n.ID] {
			t.Fatalf("the message %s came twice", n.ID)
		}
		ids[n.ID] = true
		changesOf[n.Incident.ID] += n.Folded + 1
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
			t.Fatalf("%s: want %s delivered last, got %q", id, end, last[id])
		}
		if changesOf[id] > len(changes) {
			t.Fatalf("%s: %d changes were delivered as %d changes", id, len(changes), changesOf[id])
		}
	}
}
