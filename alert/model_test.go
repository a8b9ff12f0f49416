package alert_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"squarewatch/alert"
	"squarewatch/config/setting"
	"squarewatch/probe"
)

// model is a simple version of the engine: it keeps every run, and counts all of them again whenever anything could change.
type model struct {
	rule         alert.Rule
	runs         []*probe.Result
	state        alert.State
	crossed      time.Time
	lastNotified time.Time

	resolved            time.Time // zero before it fired, and while it fires
	reopened            int
	clearSince          time.Time // while it is held open: since when it would be over if it were not
	savedRuns, savedBad int       // as last announced with enough runs
}

// count counts the runs in the window. It ends at now, and begins with a full sixtieth of its length.
func (m *model) count(now time.Time) (runs, bad int) {
	width := int64(m.rule.Window / 60)
	for _, r := range m.runs {
		if r.End.UnixNano()/width <= now.UnixNano()/width-60 {
			continue
		}
		runs++
		if !r.Expected && probe.MatchAny(m.rule.On, r.Outcome()) {
			bad++
		}
	}
	return runs, bad
}

// step evaluates at now and returns what is announced.
func (m *model) step(now time.Time) string {
	runs, bad := m.count(now)
	known := runs >= m.rule.MinRuns
	over := known && setting.Share(bad)/setting.Share(runs) >= m.rule.Threshold
	under := known && setting.Share(bad)/setting.Share(runs) < m.rule.Clear
	if m.state == alert.Inactive && over {
		m.state, m.crossed = alert.Pending, now
	}
	event := alert.Event("")
	switch {
	case m.state == alert.Pending && known && !over:
		m.state = alert.Inactive
	case m.state == alert.Pending && over && now.Sub(m.crossed) >= m.rule.For:
		if m.resolved.IsZero() || now.Sub(m.resolved) >= m.rule.Reopen { // below 0 for never
			m.reopened = -1
		}
		m.reopened++
		m.resolved, m.clearSince = time.Time{}, time.Time{}
		m.state, m.lastNotified, event = alert.Firing, now, alert.EventFiring
	case m.state == alert.Firing && m.over(over, under, now):
		m.state, m.resolved, event = alert.Inactive, now, alert.EventResolved
	case m.state == alert.Firing && m.rule.Repeat > 0 && now.Sub(m.lastNotified) >= m.rule.Repeat:
		m.lastNotified, event = now, alert.EventUpdate
	}
	if event == "" {
		return ""
	}
	if known {
		m.savedRuns, m.savedBad = runs, bad
	}
	runs, bad = m.savedRuns, m.savedBad
	return fmt.Sprintf("%.0f %s %s/a %d/%d", now.Sub(start()).Seconds(), event, m.rule.Name, bad, runs)
}

// over reports whether a firing rule resolves. After it fired again twice, it resolves only when it has been clear for Reopen.
func (m *model) over(over, under bool, now time.Time) bool {
	switch {
	case m.reopened < 2:
		return under
	case over:
		m.clearSince = time.Time{}
	case under && m.clearSince.IsZero():
		m.clearSince = now
	}
	return under && now.Sub(m.clearSince) >= m.rule.Reopen
}

// drawRule draws a rule. Its times are whole seconds, and its window is whole minutes, so that one step a second misses nothing.
func drawRule(t *rapid.T) alert.Rule {
	r := alert.Rule{
		Name: "x", On: sel("5xx"), Window: time.Duration(rapid.IntRange(1, 3).Draw(t, "window")) * time.Minute,
		Threshold: setting.Share(rapid.IntRange(1, 10).Draw(t, "threshold")) / 10,
		MinRuns:   rapid.IntRange(1, 8).Draw(t, "min_runs"),
		For:       time.Duration(rapid.SampledFrom([]int{0, 0, 5, 70}).Draw(t, "for")) * time.Second,
		Repeat:    time.Duration(rapid.SampledFrom([]int{-1, 30, 100}).Draw(t, "repeat")) * time.Second,
	}
	r.Reopen = time.Duration(rapid.SampledFrom([]int{-1, 60, 600}).Draw(t, "reopen")) * time.Second
	r.Clear = r.Threshold * setting.Share(rapid.IntRange(1, 4).Draw(t, "clear")) / 4
	r.Defaults()
	return r
}

func TestTheEngineMatchesTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{rule: drawRule(t), state: alert.Inactive}
		e, err := alert.NewEngine(alert.EngineOptions{Rules: []alert.Rule{m.rule}, Probes: probes("a")})
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		expect := func(line string) {
			if line != "" {
				want = append(want, line)
			}
		}
		now := start()
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			for range rapid.SampledFrom([]int{0, 1, 1, 2, 5, 20, 90, 400}).Draw(t, "seconds") {
				now = now.Add(time.Second)
				expect(m.step(now))
			}
			if rapid.Bool().Draw(t, "advance") {
				got = append(got, summaries(e.Advance(now))...)
				continue
			}
			r := result("a", now.Add(-time.Duration(rapid.SampledFrom([]int{0, 0, 0, 7}).Draw(t, "late"))*time.Second),
				rapid.SampledFrom([]int{200, 200, 404, 500, 503}).Draw(t, "code"))
			got = append(got, summaries(e.Advance(now))...)
			got = append(got, summaries(e.Observe(r))...)
			m.runs = append(m.runs, r)
			expect(m.step(now))
			if status := e.Snapshot(now)[0]; status.State != m.state {
				t.Fatalf("at %v: want %s, got %s", now.Sub(start()), m.state, status.State)
			}
		}
		got = append(got, summaries(e.Advance(now))...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	})
}

func TestAReloadDoesNotChangeIncidents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRule(t)
		options := alert.EngineOptions{Rules: []alert.Rule{r}, Probes: probes("a", "b")}
		plain, err := alert.NewEngine(options)
		if err != nil {
			t.Fatal(err)
		}
		reloaded, _ := alert.NewEngine(options)
		now := start()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "seconds")) * time.Second)
			if rapid.IntRange(0, 4).Draw(t, "reload") == 0 {
				options.Previous = reloaded
				if reloaded, err = alert.NewEngine(options); err != nil {
					t.Fatal(err)
				}
			}
			result := result(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "probe"), now, rapid.SampledFrom([]int{200, 500}).Draw(t, "code"))
			if !result.Expected {
				result.Blame = drawCulprit(t)
			}
			if diff := cmp.Diff(plain.Observe(result), reloaded.Observe(result)); diff != "" {
				t.Fatalf("-without +with reload:\n%s", diff)
			}
		}
	})
}

// drawCulprit draws what a bad run says about the culprit.
func drawCulprit(t *rapid.T) probe.Blame {
	return rapid.SampledFrom([]probe.Blame{
		probe.BlameNone, probe.BlameUnknown, probe.BlameAPI, probe.BlameAPI, probe.BlameGateway, probe.BlameCredential,
	}).Draw(t, "culprit")
}

// agreed returns the culprit that the newest runs name, and when the first and the last of these runs ended. Runs without a culprit are
// ignored.
func agreed(runs []*probe.Result) (since, until time.Time, culprit probe.Blame) {
	for _, r := range slices.Backward(runs) {
		switch {
		case r.Blame == probe.BlameNone:
			continue
		case culprit == probe.BlameNone:
			culprit, until = r.Blame, r.End
		case r.Blame != culprit:
			return since, until, culprit
		}
		since = r.End
	}
	return since, until, culprit
}

// stable returns the culprit that the newest runs name, and whether they have named it for long enough to announce it.
func stable(runs []*probe.Result) (probe.Blame, bool) {
	since, until, culprit := agreed(runs)
	if culprit == probe.BlameUnknown {
		return culprit, until.Sub(since) > time.Minute
	}
	return culprit, until.Sub(since) >= 10*time.Second
}

// verdictModel checks the messages about an incident of one probe against its runs.
type verdictModel struct {
	runs    []*probe.Result
	shown   probe.Blame // in the last message
	changed time.Time
}

func (m *verdictModel) check(t *rapid.T, changes []alert.Transition) {
	for _, c := range changes {
		before := m.shown
		m.shown = c.Incident.Blame
		if c.Event != alert.EventUpdate {
			continue
		}
		switch culprit, ok := stable(m.runs); {
		case m.shown == before:
			t.Fatalf("at %v: an UPDATE that changes nothing", c.At.Sub(start()))
		case !m.changed.IsZero() && c.At.Sub(m.changed) < time.Minute:
			t.Fatalf("at %v: two changes within %v", c.At.Sub(start()), c.At.Sub(m.changed))
		case !ok || culprit != m.shown:
			t.Fatalf("at %v: the UPDATE blames %q, the runs blame %q (stable: %v)", c.At.Sub(start()), m.shown, culprit, ok)
		}
		m.changed = c.At
	}
}

func TestTheVerdictFollowsTheRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := short(func(r *alert.Rule) { r.Repeat = -1 })
		e, err := alert.NewEngine(alert.EngineOptions{Rules: []alert.Rule{r}, Probes: probes("a")})
		if err != nil {
			t.Fatal(err)
		}
		var m verdictModel
		now := start()
		for range rapid.IntRange(6, 80).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(1, 8).Draw(t, "seconds")) * time.Second)
			m.check(t, e.Advance(now))
			run := result("a", now, 500)
			run.Blame = drawCulprit(t)
			m.runs = append(m.runs, run)
			m.check(t, e.Observe(run))
			incidents := e.Incidents()
			if culprit, ok := stable(m.runs); ok && len(incidents) > 0 && now.Sub(m.changed) >= time.Minute && incidents[0].Blame != culprit {
				t.Fatalf("at %v: want %q, which is stable, got %q", now.Sub(start()), culprit, incidents[0].Blame)
			}
		}
	})
}
