package alert_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"

	"github.com/google/go-cmp/cmp"
)

// shared is a system of probes whose runs fail for culprits that a test chooses.
type shared struct {
	*alert.Engine

	probes    []probe.Probe
	announced []string // announced changes: second, event, rule and series
	last      alert.Transition
	seen      []*probe.Result
	states    map[string]alert.SeriesState // by incident: as the transitions left them
	ends      []alert.Incident             // also of those that joined another one
}

// causeOptions returns options with probes that run every ten seconds, one second apart. The rules are the default ones with a short
// window.
func causeOptions(names ...string) alert.EngineOptions {
	var list []probe.Probe
	for _, name := range names {
		p := scheduled(name, "*/10 * * * * *")
		p.Credential = "key"
		list = append(list, p)
	}
	quick := func(r *alert.Rule) { r.Window, r.Reopen = time.Minute, -1 }
	return alert.EngineOptions{Probes: list, Rules: []alert.Rule{
		rule(quick),
		rule(func(r *alert.Rule) {
			quick(r)
			r.Name, r.On, r.Per = "unauthenticated", sel("401"), alert.PerCredential
		}),
		rule(func(r *alert.Rule) { quick(r); r.Name, r.On, r.Per = "unreachable", sel("transport"), alert.PerAll }),
	}}
}

func newShared(t *testing.T, options alert.EngineOptions) *shared {
	t.Helper()
	return &shared{Engine: engine(t, options), probes: options.Probes}
}

// state is what a run of a probe gets: a code (0 for no answer), and whose fault that is.
type state struct {
	code    int
	culprit probe.Blame
}

var (
	good   = state{200, probe.BlameNone}
	broken = state{500, probe.BlameAPI}
)

// run returns a run that gets this state.
func (s state) run(name, credential string, at time.Time) *probe.Result {
	r := result(name, at, max(s.code, 100))
	r.Credential, r.Blame, r.Start = credential, s.culprit, at.Add(-time.Second)
	r.Expected = r.Expected && s.culprit == probe.BlameNone
	if s.code == 0 {
		r.Class, r.Code, r.Expected = probe.ConnectError, 0, false
	}
	return r
}

// play runs the probes from second from until before second until. stateOf returns what a run gets. Probe number n runs n seconds after
// each full ten seconds.
func (s *shared) play(from, until int, stateOf func(name string, second int) state) {
	for second := from; second < until; second++ {
		s.record(s.Advance(sec(second)))
		for i := range s.probes {
			if second%10 == i%10 {
				r := stateOf(s.probes[i].Name, second).run(s.probes[i].Name, s.probes[i].Credential, sec(second))
				s.seen = append(s.seen, r)
				s.record(s.Observe(r))
			}
		}
	}
}

func (s *shared) record(changes []alert.Transition) {
	for _, c := range changes {
		s.write(append(c.Leaders, c.State)...)
		if c.Event.Ends() {
			s.ends = append(s.ends, c.Incident)
		}
		if !c.Muted && !c.Reannounced {
			s.announced = append(s.announced, fmt.Sprintf("%.0f %s %s/%s", c.At.Sub(start()).Seconds(), c.Event, c.Incident.Rule, c.Incident.Series))
			s.last = c
		}
	}
}

func (s *shared) write(states ...alert.SeriesState) {
	if s.states == nil {
		s.states = map[string]alert.SeriesState{}
	}
	for _, state := range states {
		s.states[state.Incident] = state
	}
}

// written returns the states that the next process finds after this one was killed.
func (s *shared) written() []alert.SeriesState {
	return slices.SortedFunc(maps.Values(s.states), func(a, b alert.SeriesState) int { return a.Fired.Compare(b.Fired) })
}

// during returns a function that gives every run the state what between two seconds, and good otherwise.
func during(from, until int, what state) func(string, int) state {
	return func(_ string, second int) state {
		if second >= from && second < until {
			return what
		}
		return good
	}
}

func checkJoined(t *testing.T, i alert.Incident, names ...string) {
	t.Helper()
	var got []string
	for _, j := range i.Joined {
		name := j.Rule + "/" + j.Series
		if j.Over {
			name += " over"
		}
		got = append(got, name)
	}
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("joined, -want +got:\n%s", diff)
	}
}

func TestOneOutageIsAnnouncedOnce(t *testing.T) {
	s := newShared(t, causeOptions("a", "b", "c"))
	s.play(0, 100, during(100, 0, good))
	s.play(100, 160, during(100, 160, broken))
	// at 110 s 2 of 7 runs of a are bad; b and c join at 111 s and 112 s, and are named together
	same(t, []string{"110 firing server-errors/a", "126 update server-errors/a"}, s.announced)
	checkJoined(t, s.last.Incident, "server-errors/b", "server-errors/c")
	if !s.last.Incident.JoinedAt.Equal(s.last.At) {
		t.Errorf("want JoinedAt at the time of the message, got %v", s.last.Incident.JoinedAt)
	}
	if led := s.Incidents(); len(led) != 3 || led[1].Leader != led[0].ID || led[2].Leader != led[0].ID {
		t.Errorf("want three incidents, two of them joined to the first, got %+v", led)
	}
	for _, status := range s.Snapshot(sec(160))[1:3] {
		if status.State != alert.Firing || status.CoveredBy != "server-errors a" {
			t.Errorf("want it firing and covered by a, got %+v", status)
		}
	}
	s.play(160, 300, during(0, 0, good))
	if len(s.announced) != 3 || s.last.Event != alert.EventResolved || s.last.Incident.Series != "a" {
		t.Errorf("want one RESOLVED, of a, got %v", s.announced)
	}
	checkJoined(t, s.last.Incident, "server-errors/b over", "server-errors/c over")
	if len(s.ends) != 3 || s.ends[0].Leader != s.last.Incident.ID || s.ends[1].Leader != s.last.Incident.ID || s.ends[2].Leader != "" {
		t.Errorf("want the ends of b and c to name the incident that they joined, got %+v", s.ends)
	}
}

func TestTheLeaderEndsWithTheLastThatJoined(t *testing.T) {
	s := newShared(t, causeOptions("a", "b"))
	s.play(0, 400, func(name string, second int) state {
		if second < 100 || name == "a" && second >= 130 || second >= 250 {
			return good
		}
		return broken
	})
	// a is good from 130 s on, b from 250 s on: its last bad run, at 241 s, leaves the window at 301 s
	same(t, []string{"110 firing server-errors/a", "126 update server-errors/a", "301 resolved server-errors/a"}, s.announced)
}

// TestAFlappingLeaderIsClearWhileItLeads has an outage that comes back twice, so that both incidents are held open for two minutes. The
// leader is clear earlier than what joined it. Its two minutes do not begin when the other's have ended.
func TestAFlappingLeaderIsClearWhileItLeads(t *testing.T) {
	options := causeOptions("a", "b")
	options.Rules[0].Reopen = 2 * time.Minute
	s := newShared(t, options)
	s.play(0, 1000, func(name string, second int) state {
		if second >= 100 && second < 500 && (second-100)%160 < 80 || name == "b" && second >= 500 && second < 560 {
			return broken
		}
		return good
	})
	// the last bad run of b, at 551 s, leaves the window at 611 s
	if got := s.announced[len(s.announced)-1]; got != "731 resolved server-errors/a" || !s.last.Incident.Resolved.Equal(sec(731)) {
		t.Errorf("want the leader over with the other, at 731 s, got %v", s.announced)
	}
	checkJoined(t, s.last.Incident, "server-errors/b over")
}

func TestAProblemThatBeganLaterIsAnotherOne(t *testing.T) {
	s := newShared(t, causeOptions("a", "b"))
	s.play(0, 300, func(name string, second int) state {
		if name == "a" && second >= 50 || second >= 200 {
			return broken
		}
		return good
	})
	same(t, []string{"60 firing server-errors/a", "211 firing server-errors/b"}, s.announced)
}

func TestAnOutageThatComesAndGoesIsAnnouncedOnce(t *testing.T) {
	flickers := func(from map[string]int) func(string, int) state {
		return func(name string, second int) state {
			if begin := from[name]; second >= begin && (second-begin)/10%2 == 0 {
				return broken
			}
			return good
		}
	}
	near := newShared(t, causeOptions("a", "b"))
	near.play(0, 300, flickers(map[string]int{"a": 100, "b": 150}))
	if firing := slices.DeleteFunc(near.announced, func(line string) bool { return line != "110 firing server-errors/a" }); len(firing) != 1 {
		t.Errorf("want a announced once at 110 s, got %v", near.announced)
	}
	checkJoined(t, near.Incidents()[0], "server-errors/b")
	far := newShared(t, causeOptions("a", "b"))
	far.play(0, 500, flickers(map[string]int{"a": 100, "b": 350}))
	same(t, []string{"110 firing server-errors/a", "361 firing server-errors/b"}, far.announced)
}

func TestAnotherCulpritIsAnotherProblem(t *testing.T) {
	options := causeOptions("a", "b")
	options.Probes[1].Credential = "other"
	s := newShared(t, options)
	s.play(0, 200, func(name string, second int) state {
		switch {
		case second < 100:
			return good
		case name == "a":
			return broken
		}
		return state{401, probe.BlameCredential}
	})
	same(t, []string{"110 firing server-errors/a", "111 firing unauthenticated/other"}, s.announced)
}

func TestTwoCredentialsThatAreOursToFixAreTwoProblems(t *testing.T) {
	options := causeOptions("a", "b")
	options.Probes[1].Credential = "other"
	s := newShared(t, options)
	s.play(0, 200, during(100, 200, state{401, probe.BlameCredential}))
	same(t, []string{"110 firing unauthenticated/key", "111 firing unauthenticated/other"}, s.announced)
	s = newShared(t, options)
	s.play(0, 200, during(100, 200, state{401, probe.BlameAPI})) // two good keys do not fail at the same time
	same(t, []string{"110 firing unauthenticated/key", "126 update unauthenticated/key"}, s.announced)
}

func TestAnOutageInWhichTokensExpireIsAnnouncedOnce(t *testing.T) {
	s := newShared(t, causeOptions("a", "b"))
	s.play(0, 200, func(_ string, second int) state {
		switch {
		case second < 100:
			return good
		case second < 140:
			return broken
		}
		return state{401, probe.BlameLoginService}
	})
	same(t, []string{"110 firing server-errors/a", "126 update server-errors/a", "186 update server-errors/a"}, s.announced)
	checkJoined(t, s.last.Incident, "server-errors/b", "unauthenticated/key")
}

func TestAnOutageOfSeveralKindsIsAnnouncedOnce(t *testing.T) {
	s := newShared(t, causeOptions("a", "b", "c"))
	s.play(0, 200, func(name string, second int) state {
		switch {
		case second < 100:
			return good
		case name == "c":
			return state{0, probe.BlameAPI}
		}
		return broken
	})
	if len(s.announced) != 2 {
		t.Errorf("want one FIRING and one UPDATE, got %v", s.announced)
	}
	checkJoined(t, s.last.Incident, "server-errors/b", "unreachable/all")
}

func TestJoinedIncidentsAreAnnouncedWhenTheirLeaderIsSilenced(t *testing.T) {
	s := newShared(t, causeOptions("a", "b"))
	s.play(0, 130, during(100, 300, broken))
	s.record(s.Mute([]alert.Silence{{Probes: []string{"a"}, From: sec(130), Until: sec(1000)}}, sec(130)))
	s.play(130, 150, during(100, 300, broken))
	same(t, []string{"110 firing server-errors/a", "126 update server-errors/a", "130 firing server-errors/b"}, s.announced)
}

func TestNewFactsWaitForTheEndOfASilence(t *testing.T) {
	s := newShared(t, causeOptions("a", "b"))
	s.play(0, 113, during(100, 300, broken))
	s.record(s.Mute([]alert.Silence{{Series: []string{"a", "b"}, From: sec(113), Until: sec(200)}}, sec(113)))
	s.play(113, 250, func(_ string, second int) state {
		if second < 150 {
			return broken
		}
		return state{500, probe.BlameGateway}
	})
	same(t, []string{"110 firing server-errors/a", "200 update server-errors/a"}, s.announced)
	checkJoined(t, s.last.Incident, "server-errors/b")
	if s.last.Incident.Blame != probe.BlameGateway {
		t.Errorf("want the gateway named, got %q", s.last.Incident.Blame)
	}
}

func TestAJoinedIncidentIsAnnouncedWhenItHasAnotherCulprit(t *testing.T) {
	s := newShared(t, causeOptions("a", "b"))
	s.play(0, 200, func(name string, second int) state {
		switch {
		case second < 100:
			return good
		case name == "b" && second > 140:
			return state{500, probe.BlameRole}
		}
		return broken
	})
	same(t, []string{"110 firing server-errors/a", "126 update server-errors/a", "151 firing server-errors/b"}, s.announced)
	checkJoined(t, s.Incidents()[0], "server-errors/b over")
}

func TestBreachesAreAnnouncedSeparately(t *testing.T) {
	options := causeOptions("a", "b")
	for i := range options.Probes {
		options.Probes[i].Guards = probe.GuardAccess
	}
	s := newShared(t, options)
	for i, name := range []string{"a", "b"} {
		r := (state{200, probe.BlameLeak}).run(name, "", sec(i))
		r.Expected, r.Breach = false, true
		s.record(s.Observe(r))
	}
	same(t, []string{"0 firing access/a", "1 firing access/b"}, s.announced)
}
