package alert_test

import (
	"testing"
	"time"

	"squarewatch/alert"
)

func TestJoinedIncidentsAreKnownAfterARestart(t *testing.T) {
	options := causeOptions("a", "b")
	s := newShared(t, options)
	s.play(0, 120, during(100, 200, broken)) // b has joined, and is not named yet
	same(t, []string{"110 firing server-errors/a"}, s.announced)
	next := &shared{Engine: restarted(t, options, s.States(), s.seen, 121), probes: options.Probes}
	next.play(122, 400, func(name string, second int) state {
		if name == "a" || second >= 250 {
			return good
		}
		return broken
	})
	same(t, []string{"126 update server-errors/a", "301 resolved server-errors/a"}, next.announced)
}

func TestJoinedIncidentsAreKnownAfterACrash(t *testing.T) {
	options := causeOptions("a", "b")
	s := newShared(t, options)
	var states []alert.SeriesState // as the transitions left them
	for second := range 120 {
		for i, name := range []string{"a", "b"} {
			if second%10 != i {
				continue
			}
			r := during(100, 200, broken)(name, second).run(name, "key", sec(second))
			s.seen = append(s.seen, r)
			for _, c := range s.Observe(r) {
				states = append(states, c.State)
			}
		}
	}
	if len(states) != 2 || states[0].Cause != nil {
		t.Fatalf("want two states, and the first, of the leader, without the series that joined, got %+v", states)
	}
	next := &shared{Engine: restarted(t, options, states, s.seen, 121), probes: options.Probes}
	next.play(122, 200, during(100, 200, broken))
	same(t, []string{"126 update server-errors/a"}, next.announced)
	checkJoined(t, next.last.Incident, "server-errors/b")
}

// TestAJoinedIncidentThatEndedIsNamedAfterACrash kills the process after c joined and ended, and before a message named it.
func TestAJoinedIncidentThatEndedIsNamedAfterACrash(t *testing.T) {
	options := causeOptions("a", "b", "c")
	options.Rules[0].Window = 30 * time.Second
	s := newShared(t, options)
	outage := func(name string, second int) state {
		if name == "c" {
			return during(130, 150, broken)(name, second)
		}
		return during(100, 300, broken)(name, second)
	}
	s.play(0, 180, outage)
	same(t, []string{"110 firing server-errors/a", "126 update server-errors/a"}, s.announced)
	next := &shared{Engine: restarted(t, options, s.written(), s.seen, 180), probes: options.Probes}
	next.play(181, 400, outage)
	if next.last.Event != alert.EventResolved {
		t.Fatalf("want the incident of probe a resolved, got %v", next.announced)
	}
	checkJoined(t, next.last.Incident, "server-errors/b over", "server-errors/c over")
}

func TestAReloadKeepsJoinedIncidents(t *testing.T) {
	options := causeOptions("a", "b")
	s := newShared(t, options)
	s.play(0, 130, during(100, 200, broken))
	options.Previous = s.Engine
	s.Engine = engine(t, options)
	s.play(130, 400, during(100, 200, broken))
	same(t, []string{"110 firing server-errors/a", "126 update server-errors/a"}, s.announced[:2])
	if len(s.announced) != 3 {
		t.Errorf("want a single RESOLVED, got %v", s.announced)
	}
}

func TestJoinedIncidentsAreAnnouncedWhenTheirLeaderIsRemoved(t *testing.T) {
	options := causeOptions("a", "b")
	s := newShared(t, options)
	s.play(0, 130, during(100, 300, broken))
	options.Previous, options.Probes = s.Engine, options.Probes[1:]
	s.Engine = engine(t, options)
	s.play(131, 160, during(100, 300, broken))
	same(t, []string{
		"110 firing server-errors/a", "126 update server-errors/a", "129 ended server-errors/a", "129 firing server-errors/b",
	}, s.announced)
}
