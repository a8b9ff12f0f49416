package statuspage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver; the program imports it in cmd

	"squarewatch/alert"
	"squarewatch/alert/alerttest"
	"squarewatch/alert/outbox"
	"squarewatch/cmd/squarewatch/statuspage"
	"squarewatch/config/golden"
	"squarewatch/probe"
	"squarewatch/probe/database"
	"squarewatch/probe/history"
)

// phased gives a run of 100 ms the phases of a new connection.
func phased(r *probe.Result) *probe.Result {
	a := probe.Attempt{
		Cause: probe.CauseFirst, Method: http.MethodGet, URL: "https://api.aisquare.studio/api/v1/feed/?page=REDACTED",
		Start: r.Start, End: r.End, Class: r.Class, Code: r.Code, Protocol: "2", Peer: "192.0.2.1:443", Size: 512,
		CertificateExpiry: alerttest.Second(90 * 24 * 3600),
	}
	at := r.Start
	for i, share := range []int{5, 10, 20, 1, 60, 4} {
		end := at.Add(r.End.Sub(r.Start) * time.Duration(share) / 100)
		a.Phases = append(a.Phases, probe.Phase{Kind: probe.PhaseKinds()[i], Start: at, End: end})
		at = end
	}
	r.Intended, r.CredentialIssued, r.Attempts = r.Start.Add(-2*time.Millisecond), r.Start.Add(-time.Hour), []probe.Attempt{a}
	return r
}

// storedSource returns a snapshot in which feed fails, with a source that has its runs and what happened in its incident in a database.
func storedSource(t *testing.T) (*statuspage.Snapshot, statuspage.Source) {
	t.Helper()
	s := snapshot(t, true, "feed", "collections")
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	runs, err := history.NewStore(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	incidents, err := outbox.NewStore(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	writer := history.NewWriter(runs, history.WriterOptions{Retention: history.DefaultRetention(), Logger: slog.New(slog.DiscardHandler)})
	for second := 0; second <= 120; second += 10 {
		code := http.StatusOK
		if second >= 60 {
			code = http.StatusInternalServerError
		}
		writer.Finished(phased(run("feed", second, code)))
	}
	writer.Missed(probe.Miss{Probe: "feed", Intended: alerttest.Second(-30), Reason: probe.MissLimit, Count: 2})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	writer.Run(ended)
	i := &s.Firing[0]
	i.Acknowledged = &alert.Acknowledgement{By: "ada", At: i.Fired.Add(10 * time.Second)}
	earlier := *i
	earlier.ID, earlier.Since = "e1", i.Since.Add(-72*time.Hour)
	earlier.Fired, earlier.Resolved = i.Fired.Add(-72*time.Hour), i.Fired.Add(-71*time.Hour)
	payload, err := json.Marshal(earlier)
	if err != nil {
		t.Fatal(err)
	}
	text := func(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000000Z") }
	insert := func(statement string, arguments ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement, arguments...); err != nil {
			t.Fatal(err)
		}
	}
	insert(`INSERT INTO incidents (id, rule, series, severity, state, since, fired, resolved, announced, owed, series_state, incident)
		VALUES ('e1', ?, ?, 'critical', 'resolved', ?, ?, ?, 1, 0, '{}', ?)`,
		i.Rule, i.Series, text(earlier.Since), text(earlier.Fired), text(earlier.Resolved), payload)
	for _, d := range []struct {
		event       string
		queued, had time.Time
	}{{"firing", i.Fired, i.Fired.Add(900 * time.Millisecond)}, {"update", i.Acknowledged.At, i.Acknowledged.At.Add(2 * time.Second)}} {
		insert(`INSERT INTO deliveries VALUES (?, 'ops', ?, ?, ?, 1000, 1, '')`, i.ID, d.event, text(d.queued), text(d.had))
	}
	insert(`INSERT INTO notes VALUES (?, ?, 'ada', 'asked AISquare')`, i.ID, text(i.Fired.Add(15*time.Second)))
	silence, err := json.Marshal(alert.Silence{
		ID: "s", Rules: []string{i.Rule}, Series: []string{i.Series}, From: i.Fired.Add(20 * time.Second), Until: i.Fired.Add(time.Hour),
		By: "ada", Comment: "they work on it",
	})
	if err != nil {
		t.Fatal(err)
	}
	insert(`INSERT INTO silences VALUES ('s', ?, ?)`, text(i.Fired.Add(time.Hour)), silence)
	return s, statuspage.Source{
		Snapshot: func(context.Context, time.Time) *statuspage.Snapshot { return s },
		History:  func() *history.Store { return runs }, Store: func() *outbox.Store { return incidents },
	}
}

// serve serves a source.
func serve(tb testing.TB, source statuspage.Source) http.Handler {
	tb.Helper()
	page, err := statuspage.New(source, statuspage.NewStrips())
	if err != nil {
		tb.Fatal(err)
	}
	mux := http.NewServeMux()
	page.Register(mux)
	return mux
}

func TestPagesOfStoredRunsMatchTheGoldenFiles(t *testing.T) {
	s, source := storedSource(t)
	s.TraceURL = "https://jaeger.example.org/trace/{trace_id}"
	source.Fate = func(*probe.Result) statuspage.TraceFate {
		return statuspage.TraceFate{State: "waiting", Why: "the collector has not accepted traces since 7 Oct 03:00:00: connection refused"}
	}
	source.Backtest = func(_ context.Context, rule *alert.Rule, _ time.Duration) (statuspage.Backtest, error) {
		fired := []statuspage.Firing{{Series: "feed", At: alerttest.Second(70)}}
		if rule.Threshold < 0.2 {
			fired[0].At = alerttest.Second(60)
			fired = append([]statuspage.Firing{{Series: "collections", At: alerttest.Second(-90), Over: alerttest.Second(-30)}}, fired...)
		}
		return statuspage.Backtest{Runs: 13, From: alerttest.Second(0), Until: s.Now, Fired: fired}, nil
	}
	h := serve(t, source)
	for name, address := range map[string]string{
		"rule-tried":      "/rules/server-errors?threshold=10%25&window=2m&min_runs=3&since=1h",
		"incident-stored": "/incident/" + s.Firing[0].ID, "probe-stored": "/probe/feed?last=1h", "probe-week": "/probe/feed?last=7d",
		"run": "/run/" + run("feed", 60, http.StatusInternalServerError).Trace.String(), "incidents-stored": "/incidents",
	} {
		t.Run(name, func(t *testing.T) {
			got := get(t, h, address)
			valid(t, got.Body.Bytes())
			golden.Check(t, "testdata/"+name+".html", unstyled(t, got.Body.String()), *update)
			path, query, _ := strings.Cut(address, "?")
			var out bytes.Buffer
			if err := json.Indent(&out, get(t, h, path+".json?"+query).Body.Bytes(), "", " "); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "testdata/"+name+".json", out.String()+"\n", *update)
		})
	}
}

func TestErrorBudgetOfAProbe(t *testing.T) {
	s, source := storedSource(t)
	objective := alert.Rule{Name: "objective", On: []probe.Selector{probe.MustSelector("5xx")}, Objective: 0.9}
	objective.Defaults()
	ofKey := objective
	ofKey.Name, ofKey.Per = "of-key", alert.PerCredential
	s.Rules = append(s.Rules, objective, ofKey)
	page, found, err := statuspage.NewProbePage(t.Context(), s, &source, "feed", "90d")
	if err != nil || !found || len(page.Budgets) != 1 {
		t.Fatalf("want the budget of the rule per probe, got %+v, %t, %v", page, found, err)
	}
	if b := page.Budgets[0]; b.Runs != 13 || b.Bad != 7 || b.Allowed != 1 || b.Spent < 5.3 || b.Spent > 5.4 {
		t.Errorf("want 7 bad runs of 13 where 1 is allowed, got %+v", b)
	}
	if w := get(t, serve(t, source), "/probe/feed?last=90d"); !strings.Contains(w.Body.String(), "of the error budget is spent") {
		t.Error("want the budget on the page")
	}
}
