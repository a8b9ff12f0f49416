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

// TestAReplacedKeyHasNoRefusals has a key that two probes were refused with, and a reload. Only another secret clears it.
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
		at := time.Now()
		refused := func(name string) blame.Culprit {
			at = at.Add(time.Second)
			o := &blame.Observation{Probe: name, Credential: "partner", Start: at, End: at, Outcome: blame.Refused, Code: 401}
			d.judge.Observe(o)
			return d.judge.Verdict(o).Culprit
		}
		refused("a")
		refused("b")
		d.forgetReplaced(keyed("old"), keyed(next))
		if got := refused("a"); got != want {
			t.Errorf("%s key: want %q, got %q", next, want, got)
		}
	}
}
