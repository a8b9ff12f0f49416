package blame

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// sums returns the weight of every culprit.
func sums(seen []Observation, question *Observation) map[Culprit]int {
	m := newMemory()
	for i := range seen {
		m.add(&seen[i])
	}
	all := map[Culprit]int{}
	for _, p := range m.weigh(question) {
		all[p.For] += p.weight
	}
	return all
}

// speaking returns one observation for each culprit. Each observation is evidence for that culprit alone.
func speaking(probe string, at time.Time, question *Observation) map[Culprit]Observation {
	run := func(outcome Outcome, change func(*Observation)) Observation {
		o := Observation{Probe: probe, Credential: question.Credential, Start: at, End: at.Add(time.Second), Outcome: outcome}
		change(&o)
		return o
	}
	if question.Outcome == ServerError || question.Outcome == GatewayError {
		plain := func(*Observation) {}
		return map[Culprit]Observation{API: run(ServerError, plain), Gateway: run(GatewayError, plain)}
	}
	accepted := API // the credential is good
	if question.Outcome == Forbidden && probe != question.Probe {
		accepted = Role // the credential is good, but may lack a permission
	}
	return map[Culprit]Observation{
		accepted: run(Good, func(*Observation) {}),
		Network:  run(NotConnected, func(o *Observation) { o.Link, o.Connectivity = LinkNoAnswer, Check{At: o.End, What: "1.1.1.1:53"} }),
		Resolver: run(NotResolved, func(o *Observation) {
			o.Resolver = Check{At: o.End, What: "the root"}
		}),
		Credential: run(Refused, func(o *Observation) { o.Words = "Invalid API key." }),
		LoginService: run(Refused, func(o *Observation) {
			o.Renewal = Renewal{At: o.End, Words: "it answered 503"}
		}),
		Gateway: run(Refused, func(o *Observation) { o.Page, o.Foreign = true, true }),
		Watcher: run(Shortage, func(*Observation) {}),
	}
}

// TestMoreEvidence adds one observation to random ones. The added one is evidence for one culprit. It belongs to the judged probe or to
// another one. The weight of no other culprit may increase.
func TestMoreEvidence(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	begin := time.Date(2026, 3, 1, 2, 14, 0, 0, time.UTC)
	for round := range 3000 {
		seen := someObservations(random, begin)
		question := seen[len(seen)-1]
		before := sums(seen, &question)
		for speaksFor, o := range speaking([]string{"new", question.Probe}[round%2], begin.Add(250*time.Second), &question) {
			if question.Outcome >= NotResolved && o.Outcome < NotResolved {
				speaksFor = API // any answer shows that our network works
			}
			for c, weight := range sums(append(slices.Clip(seen), o), &question) {
				if speaksFor == Credential && c == API && weight == before[c]+150 {
					continue // another credential is refused since the same minute, which speaks for the API
				}
				if c != speaksFor && weight > before[c] {
					t.Fatalf("round %d: evidence for %q makes %q weigh %d instead of %d: %+v\nseen: %+v\nquestion: %+v",
						round, speaksFor, c, weight, before[c], o, seen, question)
				}
			}
		}
	}
}

// someObservations returns up to 12 observations within four minutes, of which the last is a failure.
func someObservations(random *rand.Rand, begin time.Time) []Observation {
	seen := make([]Observation, 1+random.IntN(12))
	for i := range seen {
		p := []struct{ name, credential string }{{"a", "k"}, {"b", "k"}, {"c", "u"}, {"d", "u"}, {"e", ""}, {"guard", ""}}[random.IntN(6)]
		start := begin.Add(time.Duration(random.IntN(240)) * time.Second)
		o := Observation{
			Probe: p.name, Credential: p.credential, Start: start, End: start.Add(time.Second + time.Duration(i)*time.Millisecond),
			Outcome: Outcome(random.IntN(int(NotAnswered) + 1)),
		}
		o.Page, o.Foreign, o.Elsewhere, o.NewToken = random.IntN(4) == 0, random.IntN(4) == 0, random.IntN(4) == 0, random.IntN(4) == 0
		o.DNS, o.Link = DNS(random.IntN(int(DNSRefused)+1)), Link(random.IntN(int(linkCount)))
		o.Words = []string{"", "", "user_inactive", "token_not_valid"}[random.IntN(4)]
		if random.IntN(4) == 0 {
			o.Connectivity = Check{At: o.End, Passed: random.IntN(2) == 0, What: "1.1.1.1:53"}
		}
		if random.IntN(4) == 0 {
			o.Resolver = Check{At: o.End, Passed: random.IntN(2) == 0, What: "the root"}
		}
		if random.IntN(4) == 0 {
			o.Proxy = Check{At: o.End, Passed: random.IntN(2) == 0, What: "our own proxy"}
		}
		if p.credential == "u" && random.IntN(3) == 0 {
			o.Renewal = Renewal{At: o.End, Renewed: random.IntN(2) == 0, LoggedIn: random.IntN(2) == 0, Refused: random.IntN(2) == 0}
		}
		seen[i] = o
	}
	last := &seen[len(seen)-1]
	failures := []Outcome{Refused, Forbidden, ServerError, GatewayError, NotResolved, NotConnected, NotAnswered, WrongAnswer}
	last.Outcome = failures[random.IntN(len(failures))]
	return seen
}
