package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/cmd/squarewatch/statuspage"
	"squarewatch/probe/aisquaretest"
)

// tried is the page of a rule as JSON.
type tried struct {
	Fault    string                 `json:"fault"`
	Sentence string                 `json:"sentence"`
	YAML     string                 `json:"yaml"`
	AsItIs   statuspage.Backtest    `json:"as_it_is"`
	Then     statuspage.Backtest    `json:"as_tried"`
	Trials   []statuspage.Trial     `json:"trials"`
	Unfired  []statuspage.Entry     `json:"unfired"`
	Rates    []statuspage.RatePoint `json:"rates"`
}

// try opens the page of the rule server-errors with a form.
func (s *scene) try(form string) (page tried) {
	s.t.Helper()
	status, body := s.get("/rules/server-errors.json?" + form)
	if status != http.StatusOK {
		s.t.Fatalf("%s answers %d: %s", form, status, body)
	}
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		s.t.Fatal(err)
	}
	return page
}

// TestTheFormOfARuleRunsTheBacktest lets the probe feed fail for a minute, and tries rules on the runs that the daemon has stored.
func TestTheFormOfARuleRunsTheBacktest(t *testing.T) {
	file := keptFile(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSceneWith(t, file, func(*Options) {})
		defer s.stop()
		s.after(5 * time.Minute)
		s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		s.after(time.Minute)
		s.api.ClearFaults()
		s.after(5 * time.Minute)
		synctest.Wait()
		if len(s.daemon.ended.list(time.Time{})) != 1 {
			t.Fatal("want one incident that has ended")
		}

		same := s.try("threshold=50%25&since=1h")
		if len(same.AsItIs.Fired) != 1 || same.Sentence != "Would have fired 1 time (as it is: 1), the same incidents at the same time." {
			t.Errorf("want the rule as it is to fire as it did, got %+v", same)
		}
		if len(same.Trials) != 1 || same.Trials[0].Real == nil || same.Trials[0].Real.Series != "feed" || len(same.Unfired) != 0 {
			t.Errorf("want the real incident beside it, got %+v", same.Trials)
		}
		sooner := s.try("threshold=20%25&window=1m&min_runs=3&since=1h")
		if fired := sooner.Then.Fired; len(fired) != 1 || !fired[0].At.Before(sooner.AsItIs.Fired[0].At) ||
			!strings.HasSuffix(sooner.Sentence, " sooner.") {
			t.Errorf("want it to fire sooner with a lower threshold, got %q: %+v", sooner.Sentence, sooner.Then)
		}
		if sooner.YAML != "threshold: 20%\nwindow: 1m\nmin_runs: 3\n" || len(sooner.Rates) == 0 {
			t.Errorf("want the settings to copy and the rates, got %q and %d", sooner.YAML, len(sooner.Rates))
		}
		never := s.try("threshold=100%25&window=10m&since=1h")
		if len(never.Then.Fired) != 0 || len(never.Unfired) != 1 || never.Unfired[0].Series != "feed" {
			t.Errorf("want no firing with a long window, and the real incident named, got %+v", never)
		}
		for form, want := range map[string]string{
			"threshold=200%25": "threshold", "window=1s": "window", "min_runs=0": "min_runs", "min_runs=a": "not a number",
			"threshold=20%25&since=9d": "choose one of 1h, 6h, 24h, 72h", "window=%3Cscript%3E": "window",
		} {
			if page := s.try(form); !strings.Contains(page.Fault, want) || page.Sentence != "" {
				t.Errorf("%s: want a fault with %q, got %q and %q", form, want, page.Fault, page.Sentence)
			}
		}
		if _, page := s.get("/rules/server-errors?threshold=20%25&since=1h"); !strings.Contains(page, "Would have fired") {
			t.Error("want the experiment on the page")
		}
	})
}
