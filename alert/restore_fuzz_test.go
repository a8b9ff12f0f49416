package alert_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"squarewatch/alert"
)

// FuzzRestore restores states as a damaged database may hold them. The engine must work with any of them: an incident ends at most once,
// nothing fires after hours of good runs, a later outage fires, and each state and each incident can be stored again.
func FuzzRestore(f *testing.F) {
	tenSeconds := map[string]string{"feed": "*/10 * * * * *", "collections": "*/10 * * * * *"}
	options := alert.EngineOptions{Rules: []alert.Rule{short(nil), refusals(nil)}, Probes: keyed(tenSeconds, "feed", "collections")}
	first := engine(f, options)
	feed(first, "feed", 0, codes(30, 200, 60, 500)...)
	for _, states := range [][]alert.SeriesState{
		first.States(),
		{{Rule: "gone", Series: "feed", State: alert.Firing, Fired: sec(5)}},
		{{Rule: "server-errors", Series: "feed", State: "nonsense", Crossed: sec(-1), Flapping: true, Quiet: sec(1 << 40)}},
		{{Rule: "server-errors", Series: "feed", Owed: &alert.Incident{ID: "x", EndReason: "y"}, Leader: "z", LeaderUntil: sec(9)}},
	} {
		text, err := json.Marshal(states)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, stored []byte) {
		var states []alert.SeriesState
		if json.Unmarshal(stored, &states) != nil || len(states) > 20 {
			return
		}
		e := engine(t, options)
		e.Restore(states)
		e.Resume(sec(100))
		ends := map[string]int{}
		for i := range 1500 { // more than four hours
			at := sec(100 + 10*i)
			for _, name := range []string{"feed", "collections"} {
				checkStorable(t, e.Observe(result(name, at, 200)), ends)
			}
			checkStorable(t, e.Advance(at.Add(time.Second)), ends)
		}
		for _, s := range e.States() {
			t.Errorf("%s %s still fires: %+v", s.Rule, s.Series, s)
		}
		fired := feed(e, "feed", 15_101, codes(90, 500)...)
		fired = slices.DeleteFunc(fired, func(c alert.Transition) bool {
			return c.Event != alert.EventFiring || c.Incident.Rule == alert.NoDataRule
		})
		if len(fired) != 1 || fired[0].Incident.Rule != "server-errors" {
			t.Errorf("want a later outage announced once, got %v", summaries(fired))
		}
	})
}

// checkStorable checks that what the outbox stores of transitions can be encoded, and that each incident ends once.
func checkStorable(t *testing.T, changes []alert.Transition, ends map[string]int) {
	t.Helper()
	for i := range changes {
		c := &changes[i]
		for _, value := range []any{c.State, c.Incident, c.Leaders} {
			if _, err := json.Marshal(value); err != nil {
				t.Errorf("cannot store %s of %s: %v", c.Event, c.Incident.Rule, err)
			}
		}
		if c.Event.Ends() && !c.Muted {
			ends[c.Incident.Rule+" "+c.Incident.Series+" "+c.Incident.ID]++
		}
	}
	for incident, n := range ends {
		if n > 1 {
			t.Errorf("%s ended %d times", incident, n)
		}
	}
}
