package probe_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// TestBlameOfAKeyOfTenProbes refuses the first two probes of a key, and varies what the others and a guarded probe get.
// docs/blame.md has the weights: two endpoints that refuse a key are enough while no other one accepts it.
func TestBlameOfAKeyOfTenProbes(t *testing.T) {
	refused, broken := aisquaretest.Fault{Status: 401}, aisquaretest.Fault{Status: 500}
	const guarded = "guarded"
	some, all := []int{0, 1}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	for name, c := range map[string]struct {
		guard  *aisquaretest.Fault // for requests without a credential; they are refused when nil
		others aisquaretest.Fault  // for all probes except the first two
		asked  []int               // probes that run in each round of a minute, after the first two are refused
		rounds int
		blame  probe.Blame
	}{
		"the others have not run since":            {others: refused, asked: some, rounds: 1, blame: probe.BlameCredential},
		"the others run too rarely to wait for":    {others: refused, asked: some, rounds: 6, blame: probe.BlameCredential},
		"all are refused":                          {others: refused, asked: all, rounds: 2, blame: probe.BlameCredential},
		"all are refused, the guarded probe fails": {guard: &broken, others: refused, asked: all, rounds: 2, blame: probe.BlameCredential},
		"the others are accepted": {
			others: aisquaretest.Fault{Status: 200, Body: "[]"}, asked: all, rounds: 2,
			blame: probe.BlameAPI,
		},
		"the others fail in another way":              {others: broken, asked: all, rounds: 2, blame: probe.BlameCredential},
		"the others were accepted, the guarded fails": {guard: &broken, others: refused, asked: some, rounds: 6, blame: probe.BlameCredential},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newLoginFixture(t, aisquaretest.Options{})
				var jobs []*probe.Job
				for i := range 10 {
					path := "/" + strconv.Itoa(i)
					m.api.SetFault(path, aisquaretest.Fault{Status: 200, Body: "[]"})
					jobs = append(jobs, m.job(t, probe.Probe{Name: path, Path: path, Credential: "key"}))
				}
				anonymous := m.job(t, probe.Probe{
					Name: guarded, Path: collectionsPath, Expect: probe.Expect{Status: selectors("401")},
					Guards: probe.GuardAccess,
				})
				round := func(asked []int) (blame probe.Blame) {
					anonymous.Run(t.Context(), time.Now())
					for _, i := range asked {
						if r := jobs[i].Run(t.Context(), time.Now()); i < len(some) {
							blame = r.Blame
						}
						<-time.After(time.Second)
					}
					<-time.After(time.Minute)
					return blame
				}
				round(all)
				for i := range jobs {
					m.api.SetFault("/"+strconv.Itoa(i), c.others)
				}
				for _, i := range some {
					m.api.SetFault("/"+strconv.Itoa(i), refused)
				}
				if c.guard != nil {
					m.api.SetFault(collectionsPath, *c.guard)
				}
				var last probe.Blame
				for range c.rounds {
					last = round(c.asked)
				}
				if last != c.blame {
					t.Errorf("want blame %q, got %q", c.blame, last)
				}
			})
		})
	}
}
