package statuspage_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/alerttest"
	"squarewatch/cmd/squarewatch/statuspage"
	"squarewatch/config/golden"
	"squarewatch/probe"
)

func TestStripsKeepTheNewestRunsAndWhatReadersHold(t *testing.T) {
	strips, feed := statuspage.NewStrips(), []probe.Probe{{Name: "feed"}}
	for second := range 70 {
		strips.Finished(run("feed", second, http.StatusOK))
	}
	held := strips.Of(feed)[0].Recent.Cells
	before := slices.Clone(held)
	for second := range 70 {
		strips.Finished(run("feed", 70+second, http.StatusOK))
	}
	if len(held) != 60 || !slices.Equal(held, before) {
		t.Errorf("what a reader holds changed: %d cells", len(held))
	}
	now := strips.Of(feed)[0].Recent.Cells.All()
	if len(now) != 60 || !now[59].At.Equal(run("feed", 139, http.StatusOK).End) || !now[0].At.Equal(run("feed", 80, http.StatusOK).End) {
		t.Errorf("want the newest 60 runs, got %d from %v", len(now), now[0].At)
	}
}

// states returns what a daemon knows when a strip shows everything that it can show.
func states(t *testing.T) *statuspage.Snapshot {
	t.Helper()
	s := snapshot(t, true, "feed", "collections")
	cells := s.Probes[0].Recent.Cells.All()
	cells[1].Kind, cells[2].Latency = statuspage.CellRefused, time.Second
	cells[3] = statuspage.Cell{Kind: statuspage.CellMissed, At: cells[3].At, Missed: probe.MissLimit, MissedRuns: 2}
	cells[4] = statuspage.Cell{Kind: statuspage.CellMissed, At: cells[4].At, Missed: probe.MissGap, MissedRuns: 1}
	s.Probes[0].Recent.Cells = statuspage.PackCells(cells)
	s.TraceURL = "https://jaeger.example.org/trace/{trace_id}"
	s.Loads = []time.Time{alerttest.Second(75), alerttest.Second(500)}
	s.Silences = []alert.Silence{
		{
			Rules: []string{"server-*"}, Probes: []string{"feed"}, From: alerttest.Second(85), Until: alerttest.Second(300),
			Removed: alerttest.Second(105),
		},
		{Probes: []string{"other"}, From: alerttest.Second(0), Until: alerttest.Second(300)},
	}
	return s
}

func TestAStripShowsAllStates(t *testing.T) {
	row := statuspage.NewHome(states(t), statuspage.Filter{}).Rows[0]
	const say = "last 14 runs: 4 good, 7 bad, 3 missed (the limits allowed no start; squarewatch did not run), 1 slow, " +
		"1 refused as expected, 2 silenced"
	got := row.Draw()
	if got.Say != say {
		t.Errorf("want %s\n got %s", say, got.Say)
	}
	if got.Reloaded != "M220 25v3" || !strings.HasPrefix(got.Silenced, "M224 8") || len(got.Missed) != 2 ||
		got.Slow == "" || got.Refused == "" {
		t.Errorf("want the marks of a reload, a silence, two reasons, a slow run and a refusal, got %+v", got)
	}
}

func TestStripsOfAPeriod(t *testing.T) {
	_, source := storedSource(t)
	mux := serve(t, source)
	const all = "7 of 13 runs bad, 2 missed (the limits allowed no start); worst from 7 Oct "
	for last, want := range map[string]string{
		"1h":  "last 1h: " + all + "03:01: 6 of 6 bad; no run in 56 of 60 parts",
		"24h": "last 24h: " + all + "03:00: 7 of 13 bad; no run in 22 of 24 parts",
		"7d":  "last 7d: " + all + "03:00: 7 of 13 bad; no run in 54 of 56 parts",
		"9w":  "last 13 runs: 6 good, 7 bad, 0 missed",
	} {
		got := get(t, mux, "/?last="+last).Body.String()
		valid(t, []byte(got))
		if !strings.Contains(got, `aria-label="`+want+`"`) {
			t.Errorf("last=%s: want %q in %s", last, want, got)
		}
	}
	golden.Check(t, "testdata/home-1h.html", unstyled(t, get(t, mux, "/?last=1h").Body.String()), *update)
}

func TestAHistoryThatCannotBeReadHidesNoProbe(t *testing.T) {
	got := get(t, server(t, snapshot(t, true, "feed")), "/?last=1h").Body.String()
	if !strings.Contains(got, "The strips show the newest runs: the history is not open") ||
		!strings.Contains(got, `aria-label="last 13 runs:`) {
		t.Errorf("want the newest runs and the reason, got %s", got)
	}
}
