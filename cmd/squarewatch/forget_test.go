package main

import (
	"net/url"
	"testing"
	"time"

	"squarewatch/config"
	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/blame"
)

// refusing returns a function that shows the judge a refused run of a probe, a second after the run before. It returns the culprit.
func refusing(judge *blame.Judge) func(name string) blame.Culprit {
	at := time.Now()
	return func(name string) blame.Culprit {
		at = at.Add(time.Second)
		o := &blame.Observation{Probe: name, Credential: "partner", Start: at, End: at, Outcome: blame.Refused, Code: 401}
		judge.Observe(o)
		return judge.Verdict(o).Culprit
	}
}

// TestAReplacedKeyHasNoRefusals reloads after two probes were refused with a key. Only another secret clears the refusals.
func TestAReplacedKeyHasNoRefusals(t *testing.T) {
	keyed := func(key string) *generation {
		part := config.Part[probe.Credential]{Kind: "api_key", Settings: probe.APIKeySettings{APIKey: secret.New(key)}}
		return &generation{
			config:      &config.Config{Target: &url.URL{Host: "api.test"}, Credentials: map[string]config.Part[probe.Credential]{"partner": part}},
			credentials: map[string]probe.Credential{"partner": nil},
		}
	}
	for next, want := range map[string]blame.Culprit{"old": blame.Credential, "new": blame.Unknown} {
		d := &Daemon{judge: blame.NewJudge()}
		refused := refusing(d.judge)
		refused("a")
		refused("b")
		d.forgetReplaced(keyed("old"), keyed(next))
		if got := refused("a"); got != want {
			t.Errorf("%s key: want %q, got %q", next, want, got)
		}
	}
}

// TestTheJudgeForgetsRemovedProbes has a key that two endpoints refuse, so that the key is blamed. A reload removes one of the probes,
// gives it another path, or changes the target. Then one refusal is left, or none, and the culprit is not known.
func TestTheJudgeForgetsRemovedProbes(t *testing.T) {
	of := func(host string, probes ...probe.Probe) *generation {
		return &generation{config: &config.Config{Target: &url.URL{Host: host}, Probes: probes}}
	}
	a, b := probe.Probe{Name: "a", Path: "/a/", Credential: "partner"}, probe.Probe{Name: "b", Path: "/b/", Credential: "partner"}
	other := b
	other.Path = "/c/"
	for name, c := range map[string]struct {
		next *generation
		want blame.Culprit
	}{
		"nothing":      {of("api.test", a, b), blame.Credential},
		"a probe":      {of("api.test", a), blame.Unknown},
		"a path":       {of("api.test", a, other), blame.Unknown},
		"the target":   {of("other.test", a, b), blame.Unknown},
		"other probes": {of("api.test", b, a), blame.Credential},
	} {
		d := &Daemon{judge: blame.NewJudge()}
		refused := refusing(d.judge)
		refused("a")
		refused("b")
		d.forgetReplaced(of("api.test", a, b), c.next)
		if got := refused("a"); got != c.want {
			t.Errorf("%s changed: want %q, got %q", name, c.want, got)
		}
	}
}
