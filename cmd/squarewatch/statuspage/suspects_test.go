package statuspage_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"squarewatch/alert/alerttest"
	"squarewatch/cmd/squarewatch/statuspage"
	"squarewatch/probe"
	"squarewatch/probe/blame"
)

// suspect returns what the home page says of one suspect.
func suspect(t *testing.T, s *statuspage.Snapshot, name string) statuspage.Suspect {
	t.Helper()
	all := statuspage.NewHome(s, statuspage.Filter{}).Suspects
	i := slices.IndexFunc(all, func(v statuspage.Suspect) bool { return v.Name == name })
	if i < 0 {
		t.Fatalf("there is no suspect %q in %+v", name, all)
	}
	return all[i]
}

func TestTheLoginServiceIsKnownByItsNewestLogin(t *testing.T) {
	early, late := alerttest.Second(30), alerttest.Second(90)
	for name, c := range map[string]struct {
		renewable  bool
		renewals   []blame.Renewal
		say        string
		bad, known bool
	}{
		"no login":        {false, nil, "not used: no credential logs in", false, false},
		"none yet":        {true, []blame.Renewal{{}}, "no login yet", false, false},
		"accepted":        {true, []blame.Renewal{{At: early, Words: "503"}, {At: late, Renewed: true, LoggedIn: true}}, "accepted", false, true},
		"failed":          {true, []blame.Renewal{{At: late, Words: "503"}, {At: early, Renewed: true}}, "failed", true, true},
		"refused us":      {true, []blame.Renewal{{At: late, Refused: true, Words: "401"}}, "answered", false, true},
		"a page's answer": {true, []blame.Renewal{{At: late, Refused: true, Page: true}}, "failed", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshot(t, false, "feed")
			s.Credentials = []statuspage.Credential{{Name: "partner"}}
			for _, r := range c.renewals {
				s.Credentials = append(s.Credentials, statuspage.Credential{Name: "l", Renewable: c.renewable, Validity: probe.Validity{Renewal: r}})
			}
			got := suspect(t, s, "Login service")
			if got.Say != c.say || got.Bad != c.bad || got.Known != c.known || c.known && (!got.At.Equal(late) || len(got.Evidence) != 1) {
				t.Errorf("want %q, bad %t, known %t, got %+v", c.say, c.bad, c.known, got)
			}
		})
	}
}

func TestTheHomePageSaysHowLongAKeyIsValid(t *testing.T) {
	s := snapshot(t, false, "feed")
	for ends, want := range map[time.Duration]string{72 * time.Hour: "3 d left", -time.Hour: "ended"} {
		s.Credentials = []statuspage.Credential{{Name: "partner", Validity: probe.Validity{Ends: s.Now.Add(ends)}}}
		if got := suspect(t, s, "Key partner"); got.Left != want || got.Bad || got.Say != "accepted" {
			t.Errorf("want an accepted key, %s, got %+v", want, got)
		}
	}
	s.Credentials[0].Ends = time.Time{}
	if got := suspect(t, s, "Key partner"); got.Left != "" || !strings.Contains(got.Evidence[1].Text, "its end is not known") {
		t.Errorf("want the text that the end is not known, got %+v", got)
	}
	s.Credentials[0].Ends, s.Credentials[0].Renewable = s.Now.Add(time.Hour), true
	if got := suspect(t, s, "Key partner"); !strings.Contains(got.Evidence[1].Text, "is renewed before") {
		t.Errorf("want its token renewed, got %+v", got)
	}
}

func TestAnyAnswerShowsThatOurNetworkWorks(t *testing.T) {
	s := snapshot(t, true, "feed")
	if got := suspect(t, s, "Our network"); !got.Known || got.Bad || !got.At.Equal(alerttest.Second(120)) {
		t.Errorf("a 500 is an answer: want the network known to work, got %+v", got)
	}
	last := &s.Probes[0].Recent.Last
	last.Code, last.Class, last.Blame = 0, probe.ConnectError, probe.BlameNetwork
	if got := suspect(t, s, "Our network"); !got.Bad || got.Say != "fails" || !got.At.Equal(last.At) {
		t.Errorf("want the network to fail, got %+v", got)
	}
	last.Blame = probe.BlameUnknown
	if got := suspect(t, s, "Our network"); got.Known {
		t.Errorf("want nothing known without an answer, got %+v", got)
	}
}

func TestMissedRunsAreCountedForTheDay(t *testing.T) {
	s := snapshot(t, false, "feed")
	s.MissedToday = 3
	if got := suspect(t, s, "Watching"); got.Say != "3 missed today" || got.Bad {
		t.Errorf("want the number, got %+v", got)
	}
	strips := statuspage.NewStrips()
	strips.Missed(probe.Miss{Probe: "feed", Intended: alerttest.Second(0).Add(-24 * time.Hour), Reason: probe.MissLimit, Count: 5})
	strips.Missed(probe.Miss{Probe: "feed", Intended: alerttest.Second(0), Reason: probe.MissLimit, Count: 2})
	strips.RecallMissed([]probe.Miss{
		{Intended: alerttest.Second(-60), Count: 1}, {Intended: alerttest.Second(-60).Add(-24 * time.Hour), Count: 7},
	})
	for after, want := range map[time.Duration]int{0: 3, 24 * time.Hour: 0} {
		if got := strips.MissedOn(alerttest.Second(0).Add(after)); got != want {
			t.Errorf("%v later: want %d missed that day, got %d", after, want, got)
		}
	}
}

func TestTheStateOfTracesIsShown(t *testing.T) {
	s := snapshot(t, false, "feed")
	for state, want := range map[string]string{"off": "◌", "waiting": "⚠", "lost": "✖", "sent": "⚠", "": "◌"} {
		s.Traces = statuspage.TraceFate{State: state, Why: "why"}
		got := statuspage.NewHome(s, statuspage.Filter{}).Watcher.Traces
		if got.Mark() != want || state != "" && !strings.HasSuffix(got.Words(), " why") {
			t.Errorf("%q: want %s, got %s %s", state, want, got.Mark(), got.Words())
		}
	}
}
