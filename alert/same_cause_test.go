package alert_test

import (
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
)

func TestAnOutageThatSpreadsIsAnnouncedOnce(t *testing.T) {
	s := newShared(t, causeOptions("a", "b", "c"))
	from := map[string]int{"a": 100, "b": 130, "c": 190}
	s.play(0, 260, func(name string, second int) state {
		if second < from[name] {
			return good // also after a began to fail
		}
		return broken
	})
	same(t, []string{"110 firing server-errors/a", "156 update server-errors/a", "217 update server-errors/a"}, s.announced)
	checkJoined(t, s.last.Incident, "server-errors/b", "server-errors/c")
}

func TestAnOutageOfSomeRunsIsAnnouncedOnce(t *testing.T) {
	sometimes := func(second, of int, what state) state {
		if second < 100 || second/10%of != 0 {
			return good
		}
		return what
	}
	t.Run("one endpoint always fails, another sometimes", func(t *testing.T) {
		s := newShared(t, causeOptions("a", "b"))
		s.play(0, 300, func(name string, second int) state {
			if name == "b" {
				return sometimes(second, 3, broken)
			}
			return sometimes(second, 1, broken)
		})
		same(t, []string{"110 firing server-errors/a", "146 update server-errors/a"}, s.announced)
	})
	t.Run("two keys", func(t *testing.T) {
		options := causeOptions("a", "b")
		options.Probes[1].Credential = "other"
		s := newShared(t, options)
		s.play(0, 300, func(name string, second int) state {
			if name == "b" {
				return sometimes(second, 3, state{401, probe.BlameAPI})
			}
			return sometimes(second, 1, state{401, probe.BlameAPI})
		})
		same(t, []string{"110 firing unauthenticated/key", "146 update unauthenticated/key"}, s.announced)
	})
	t.Run("two kinds of outcomes", func(t *testing.T) {
		s := newShared(t, causeOptions("a", "b"))
		s.play(0, 300, func(name string, second int) state {
			if name == "b" {
				return sometimes(second, 3, state{401, probe.BlameAPI})
			}
			return sometimes(second, 1, broken)
		})
		same(t, []string{"110 firing server-errors/a", "146 update server-errors/a"}, s.announced)
	})
}

// TestAMaintenancePageIsAnnouncedOnce shows a page with 200 for the whole site. Several rules count it.
func TestAMaintenancePageIsAnnouncedOnce(t *testing.T) {
	options := causeOptions("a", "b", "c")
	options.Rules = append(options.Rules, rule(func(r *alert.Rule) {
		r.Name, r.On, r.Per, r.Window, r.Reopen = "anything", sel("unexpected"), alert.PerAll, time.Minute, -1
	}))
	s := newShared(t, options)
	s.play(0, 260, func(name string, second int) state {
		if second < map[string]int{"a": 100, "b": 130, "c": 190}[name] {
			return good
		}
		return state{200, probe.BlameGateway}
	})
	same(t, []string{
		"110 firing server-errors/a", "125 update server-errors/a", "185 update server-errors/a", "245 update server-errors/a",
	}, s.announced)
	checkJoined(t, s.last.Incident, "anything/all", "server-errors/b", "server-errors/c")
}

// TestKeysThatAreRefusedTogetherAreAnnouncedOnce refuses two good keys. Runs blame one of them until the judge has seen both refused.
func TestKeysThatAreRefusedTogetherAreAnnouncedOnce(t *testing.T) {
	options := causeOptions("a", "b")
	options.Probes[1].Credential = "other"
	play := func(blamed string, knownAt int) *shared {
		s := newShared(t, options)
		s.play(0, 250, func(name string, second int) state {
			switch {
			case second < 100:
				return good
			case name == blamed && second < knownAt:
				return state{401, probe.BlameCredential}
			}
			return state{401, probe.BlameAPI}
		})
		return s
	}
	s := play("a", 120)
	same(t, []string{"110 firing unauthenticated/key", "126 update unauthenticated/key", "130 update unauthenticated/key"}, s.announced)
	checkJoined(t, s.last.Incident, "unauthenticated/other")
	if s.last.Incident.Blame != probe.BlameAPI {
		t.Errorf("want the API blamed, got %q", s.last.Incident.Blame)
	}
	s = play("b", 120)
	same(t, []string{"110 firing unauthenticated/key", "126 update unauthenticated/key"}, s.announced)
	for _, blamed := range []string{"a", "b"} { // the runs never agree, so these are two problems
		s = play(blamed, 1000)
		same(t, []string{"110 firing unauthenticated/key", "126 update unauthenticated/key", "171 firing unauthenticated/other"}, s.announced)
	}
	options.Rules[1].Window = 2 * time.Minute // b crosses with its third bad run, the first that blames the API
	s = play("b", 120)
	same(t, []string{"120 firing unauthenticated/key", "136 update unauthenticated/key"}, s.announced)
}

// TestAKeyThatIsRefusedWhileTheAPIFailsIsAnnouncedOnce lets the API refuse a good key while it fails. Runs blame the key until the judge
// has seen that the API fails.
func TestAKeyThatIsRefusedWhileTheAPIFailsIsAnnouncedOnce(t *testing.T) {
	play := func(refused string, knownAt int, others string) *shared {
		options := causeOptions("a", "b")
		options.Probes[1].Credential = others
		s := newShared(t, options)
		s.play(0, 250, func(name string, second int) state {
			switch {
			case second < 100:
				return good
			case name != refused:
				return broken
			case second < knownAt:
				return state{401, probe.BlameCredential}
			}
			return state{401, probe.BlameAPI}
		})
		return s
	}
	s := play("a", 120, "key")
	same(t, []string{"110 firing unauthenticated/key", "126 update unauthenticated/key", "130 update unauthenticated/key"}, s.announced)
	checkJoined(t, s.last.Incident, "server-errors/b")
	if s.last.Incident.Blame != probe.BlameAPI {
		t.Errorf("want the API blamed, got %q", s.last.Incident.Blame)
	}
	s = play("b", 120, "key")
	same(t, []string{"110 firing server-errors/a", "126 update server-errors/a"}, s.announced)
	checkJoined(t, s.last.Incident, "unauthenticated/key")

	s = play("a", 1000, "key") // the runs never agree, so these are two problems
	same(t, []string{"110 firing unauthenticated/key", "126 update unauthenticated/key", "171 firing server-errors/b"}, s.announced)
	s = play("b", 1000, "key")
	same(t, []string{"110 firing server-errors/a", "126 update server-errors/a", "171 firing unauthenticated/key"}, s.announced)

	s = play("a", 120, "other") // a failure of requests with another key says nothing about this one
	same(t, []string{"110 firing unauthenticated/key", "111 firing server-errors/b"}, s.announced[:2])
}
