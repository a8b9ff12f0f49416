package outbox_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

func TestDeliveriesAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		m := &threaded{messenger: newMessenger(failure("network", 0))}
		m.slow = 300 * time.Millisecond
		p := begin(t, path, ops(m))
		begun := time.Now()
		p.Add(stateful(alert.EventFiring, "a"))
		<-time.After(time.Minute)
		resolved := time.Now()
		p.Add(stateful(alert.EventResolved, "a"))
		<-time.After(time.Minute)
		got, err := p.store.Deliveries(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		want(t, []outbox.Delivery{
			{
				Incident: "a", Notifier: "ops", Event: alert.EventFiring, Queued: begun.UTC(), Delivered: begun.Add(1600 * time.Millisecond).UTC(),
				Took: 300 * time.Millisecond, Attempts: 2, Ref: "m1",
			},
			{
				Incident: "a", Notifier: "ops", Event: alert.EventResolved, Queued: resolved.UTC(),
				Delivered: resolved.Add(300 * time.Millisecond).UTC(), Took: 300 * time.Millisecond, Attempts: 1, Ref: "m1",
			},
		}, got)
	})
}

func TestTheLastDeliverySurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		first := begin(t, path, ops(newMessenger()))
		first.Add(stateful(alert.EventFiring, "a"))
		<-time.After(time.Minute)
		delivered := first.Status()[0].Delivered
		first.kill()
		second := begin(t, path, ops(newMessenger()))
		if got := second.Status()[0].Delivered; delivered.IsZero() || !got.Equal(delivered) {
			t.Errorf("want the delivery at %v, got %v", delivered, got)
		}
		<-time.After(time.Minute)
		again := time.Now()
		second.Add(stateful(alert.EventResolved, "a"))
		<-time.After(time.Minute)
		if got := second.Status()[0].Delivered; got.Before(again) {
			t.Errorf("want a newer delivery after %v, got %v", again, got)
		}
	})
}

// noter is a notifier that can add notes to its messages.
type noter struct {
	threaded

	notes []string
}

func (m *noter) AddNote(_ context.Context, ref string, note outbox.Note) error {
	m.notes = append(m.notes, ref+" "+note.By+": "+note.Text)
	return nil
}

func TestNotesOfAnIncident(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		m := &noter{threaded: threaded{messenger: newMessenger()}}
		first := begin(t, path, ops(m))
		first.Add(stateful(alert.EventFiring, "a"))
		<-time.After(10 * time.Second)
		note := outbox.Note{Incident: "a", At: time.Now().UTC(), By: "ada", Text: "asked AISquare"}
		if err := first.PutNote(t.Context(), note); err != nil {
			t.Fatal(err)
		}
		if err := first.AddNote(t.Context(), note); err != nil {
			t.Fatal(err)
		}
		want(t, []string{"m1 ada: asked AISquare"}, m.notes)
		first.kill()

		second := begin(t, path, ops(m))
		<-time.After(time.Minute)
		second.Add(stateful(alert.EventResolved, "a"))
		<-time.After(10 * time.Second)
		synctest.Wait()
		want(t, []outbox.Note{note}, m.taken[1].Notes)
		got, err := second.store.Notes(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		want(t, []outbox.Note{note}, got)
	})
}

func TestNotesAreBounded(t *testing.T) {
	o := outbox.New(outbox.Options{})
	put := func(text string) error {
		return o.PutNote(t.Context(), outbox.Note{Incident: "a", At: time.Unix(0, 0), By: "ada", Text: text})
	}
	for _, bad := range []string{"", " ", "two\nlines", "\x1b]0;x\a", strings.Repeat("x", 501)} {
		if err := put(bad); !errors.Is(err, outbox.ErrNote) {
			t.Errorf("%q: want it refused, got %v", bad, err)
		}
	}
	for range 50 {
		if err := put(strings.Repeat("ä", 500)); err != nil {
			t.Fatal(err)
		}
	}
	if err := put("one more"); !errors.Is(err, outbox.ErrNotes) {
		t.Errorf("want the 51st refused, got %v", err)
	}
	if err := o.PutNote(t.Context(), outbox.Note{Incident: "a", At: time.Unix(0, 0).AddDate(0, 0, 8), By: "ada", Text: "later"}); err != nil {
		t.Errorf("want the notes of last week forgotten, got %v", err)
	}
}

func TestStoredIncidents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		p := begin(t, path, ops(newMessenger()))
		begun := time.Now()
		for _, id := range []string{"a", "b", "c"} {
			c := stateful(alert.EventFiring, id)
			c.Incident.Fired = c.At
			p.Add(c)
			<-time.After(time.Second)
		}
		p.Add(stateful(alert.EventResolved, "a"))
		<-time.After(time.Hour)
		ids := func(f outbox.IncidentFilter) string {
			list, err := p.store.Incidents(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			var all []string
			for i := range list {
				all = append(all, list[i].ID)
			}
			return strings.Join(all, " ")
		}
		for filter, wanted := range map[outbox.IncidentFilter]string{
			{}:                                  "c b a",
			{Limit: 2}:                          "c b",
			{Since: begun}:                      "c b a",
			{Since: begun.Add(time.Minute)}:     "c b",
			{Rule: "r", Series: "b"}:            "b",
			{Rule: "other"}:                     "",
			{Rule: "r", Since: begun, Limit: 1}: "c",
		} {
			if got := ids(filter); got != wanted {
				t.Errorf("%+v: want %q, got %q", filter, wanted, got)
			}
		}
		if one, err := p.store.Incident(t.Context(), "b"); err != nil || one.Series != "b" {
			t.Errorf("want incident b, got %v, %v", one, err)
		}
		if _, err := p.store.Incident(t.Context(), "x"); !errors.Is(err, outbox.ErrNoIncident) {
			t.Errorf("want ErrNoIncident, got %v", err)
		}
	})
}

func TestRecordsAreDeletedWithTheirIncident(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		p := begin(t, path, ops(newMessenger()))
		for _, id := range []string{"over", "firing"} {
			p.Add(stateful(alert.EventFiring, id))
			if err := p.PutNote(t.Context(), outbox.Note{Incident: id, At: time.Now(), By: "ada", Text: "seen"}); err != nil {
				t.Fatal(err)
			}
		}
		p.Add(stateful(alert.EventResolved, "over"))
		<-time.After(100 * 24 * time.Hour)
		if err := p.store.Prune(t.Context(), time.Now().Add(-90*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		for id, kept := range map[string]int{"over": 0, "firing": 1} {
			notes, err := p.store.Notes(t.Context(), id)
			deliveries, errDeliveries := p.store.Deliveries(t.Context(), id)
			if len(notes) != kept || len(deliveries) != kept || errors.Join(err, errDeliveries) != nil {
				t.Errorf("%s: want %d of each, got %d notes and %d deliveries, %v", id, kept, len(notes), len(deliveries),
					errors.Join(err, errDeliveries))
			}
		}
	})
}

func TestTimeline(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 10, 7, 2, minute, 0, 0, time.UTC) }
	i := alert.Incident{
		FirstBad: at(1), Crossed: at(2), Fired: at(2), LastBad: at(8), Resolved: at(12),
		Acknowledged: &alert.Acknowledgement{By: "ada", At: at(4)},
	}
	deliveries := []outbox.Delivery{
		{Notifier: "ops", Event: alert.EventFiring, Delivered: at(3)},
		{Event: alert.EventResolved, Delivered: at(12)},
	}
	var kinds []string
	silences := []alert.Silence{{From: at(6), Until: at(60), Removed: at(7)}, {From: at(9), Until: at(14)}}
	for _, m := range outbox.Timeline(&i, deliveries, []outbox.Note{{At: at(5), By: "ada", Text: "asked"}}, silences, at(13)) {
		kinds = append(kinds, string(m.Kind))
	}
	want(t, "first_bad crossed fired delivered acknowledged note silenced unsilenced last_bad silenced resolved delivered",
		strings.Join(kinds, " "))
	if got := outbox.Timeline(&alert.Incident{Fired: at(1)}, nil, nil, nil, at(2)); len(got) != 1 {
		t.Errorf("want only what happened, got %v", got)
	}
}
