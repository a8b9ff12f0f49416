package blame_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	. "squarewatch/probe/blame"
)

// begin is the time at which every test begins.
var begin = time.Date(2026, 3, 1, 2, 14, 0, 0, time.UTC)

// at returns a run that started some seconds after the begin and took one second.
func at(seconds int, probe, credential string, outcome Outcome) Observation {
	start := begin.Add(time.Duration(seconds) * time.Second)
	return Observation{Probe: probe, Credential: credential, Start: start, End: start.Add(time.Second), Outcome: outcome}
}

// with returns o after a change.
func with(o Observation, change func(*Observation)) Observation {
	change(&o)
	return o
}

func says(words string) func(*Observation) {
	return func(o *Observation) { o.Words = words }
}

// login returns a change that adds a renewal that ended with the run.
func login(r Renewal) func(*Observation) {
	return func(o *Observation) { r.At = o.End; o.Renewal = r }
}

func connectivity(passed bool) func(*Observation) {
	return func(o *Observation) { o.Connectivity = Check{At: o.End, Passed: passed, What: "1.1.1.1:53"} }
}

func proxy(passed bool) func(*Observation) {
	return func(o *Observation) { o.Proxy = Check{At: o.End, Passed: passed, What: "our own proxy"} }
}

func resolver(passed bool) func(*Observation) {
	return func(o *Observation) { o.Resolver = Check{At: o.End, Passed: passed, What: "the root"} }
}

func TestVerdicts(t *testing.T) {
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			j := NewJudge()
			for i := range s.seen {
				j.Observe(&s.seen[i])
			}
			got := j.Verdict(&s.seen[len(s.seen)-1])
			text := fmt.Sprintf("%s %+v", got.Advice, got.Evidence)
			if got.Culprit != s.want || !strings.Contains(text, s.says) {
				t.Errorf("want %q with %q, got %q: %s", s.want, s.says, got.Culprit, text)
			}
			if (got.Culprit == Unknown) != (got.Advice != "") {
				t.Errorf("want advice exactly when the culprit is unknown, got %q for %q", got.Advice, got.Culprit)
			}
			if got.Culprit != None && got.Culprit != Unknown && len(got.Evidence) == 0 {
				t.Error("want evidence")
			}
		})
	}
}

func TestWitness(t *testing.T) {
	j := NewJudge()
	key := func(seconds int, probe string, outcome Outcome) Observation { return at(seconds, probe, "k", outcome) }
	seen := []Observation{key(0, "a", Refused), key(5, "open", Good)}
	for i := range seen {
		j.Observe(&seen[i])
	}
	if got := j.Witness("k", seen[1].End); got != "open" {
		t.Errorf("want the probe that was accepted, got %q", got)
	}
	if got := j.Verdict(&seen[0]); got.Culprit != API {
		t.Errorf("want the API while the witness may check credentials, got %+v", got)
	}
	j.ServesWithoutCredential("open", true, seen[1].End)
	if got := j.Witness("k", seen[1].End); got != "" {
		t.Errorf("want no other witness, got %q", got)
	}
	if got := j.Verdict(&seen[0]); got.Culprit == API {
		t.Errorf("want another culprit than the API: the witness needs no credential; got %+v", got)
	}
	j.ServesWithoutCredential("open", false, seen[1].End)
	if got := j.Verdict(&seen[0]); got.Culprit != API {
		t.Errorf("want the API, because an endpoint that checks credentials accepted this one, got %+v", got)
	}
}

func TestForget(t *testing.T) {
	j := NewJudge()
	seen := []Observation{at(0, "a", "k", Refused), at(1, "b", "k", Refused)}
	for i := range seen {
		j.Observe(&seen[i])
	}
	j.Forget("k")
	again := at(30, "a", "k", Refused)
	j.Observe(&again)
	if got := j.Verdict(&again); got.Culprit != Unknown {
		t.Errorf("want the observations of the old key forgotten, got %+v", got)
	}
}

// TestOrderOfObservations adds the same observations in other orders.
func TestOrderOfObservations(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 2000 {
		seen := randomScene(random)
		want := verdictOf(seen, seen[len(seen)-1])
		shuffled := make([]Observation, len(seen))
		for i, from := range random.Perm(len(seen)) {
			shuffled[i] = seen[from]
		}
		if got := verdictOf(shuffled, seen[len(seen)-1]); !reflect.DeepEqual(got, want) {
			t.Fatalf("round %d: want %+v, got %+v for another order of %s", round, want, got, text(seen))
		}
	}
}

func verdictOf(seen []Observation, question Observation) Verdict {
	j := NewJudge()
	for i := range seen {
		j.Observe(&seen[i])
	}
	return j.Verdict(&question)
}

// randomScene returns up to 20 observations within four minutes.
func randomScene(random *rand.Rand) []Observation {
	seen := make([]Observation, 1+random.IntN(20))
	for i := range seen {
		seen[i] = randomObservation(random, i)
	}
	return seen
}

func randomObservation(random *rand.Rand, i int) Observation {
	probes := []struct{ name, credential string }{{"a", "k"}, {"b", "k"}, {"c", "u"}, {"d", "u"}, {"e", ""}, {"guard", ""}}
	p := probes[random.IntN(len(probes))]
	o := at(random.IntN(240), p.name, p.credential, Outcome(random.IntN(int(Shortage)+1)))
	o.End = o.End.Add(time.Duration(i) * time.Millisecond) // no two runs end at the same time
	maybe := func() bool { return random.IntN(4) == 0 }
	o.Page, o.Foreign, o.Elsewhere, o.NewToken = maybe(), maybe(), maybe(), maybe()
	o.DNS, o.Link = DNS(random.IntN(int(DNSRefused)+1)), Link(random.IntN(int(LinkProxySilent)+1))
	o.Words = []string{"", "user_inactive", "Invalid API key.", "token_not_valid"}[random.IntN(4)]
	if maybe() {
		connectivity(maybe())(&o)
	}
	if maybe() {
		resolver(maybe())(&o)
	}
	if maybe() {
		proxy(maybe())(&o)
	}
	if p.credential == "u" && maybe() {
		login(Renewal{Renewed: maybe(), LoggedIn: maybe(), Refused: maybe(), Page: maybe()})(&o)
	}
	return o
}

func text(seen []Observation) string {
	lines := make([]string, len(seen))
	for i := range seen {
		lines[i] = fmt.Sprintf("%+v", seen[i])
	}
	return "\n" + strings.Join(lines, "\n")
}

// TestLongOutages asks for verdicts during long outages, when the judge no longer remembers each of the first failures.
func TestLongOutages(t *testing.T) {
	refused := func(seconds int, probe, credential string) Observation {
		return with(at(seconds, probe, credential, Refused), says("Invalid API key."))
	}
	t.Run("two keys at the same time, probed at different rates", func(t *testing.T) {
		j := NewJudge()
		for s := range 1800 {
			o := refused(s, "a", "k")
			j.Observe(&o)
			if s%60 == 30 {
				o = refused(s, "b", "l")
				j.Observe(&o)
			}
			if got := j.Verdict(&o); s > 60 && got.Culprit != API {
				t.Fatalf("want the API after %d s, got %+v", s, got)
			}
		}
	})
	t.Run("a refusal by chance, and then a key that is revoked", func(t *testing.T) {
		j := NewJudge()
		for s := range 120 {
			o := at(s, "a", "k", Good)
			if s == 0 || s > 60 {
				o = refused(s, "a", "k")
			}
			j.Observe(&o)
			if got := j.Verdict(&o); s > 65 && got.Culprit != Credential {
				t.Fatalf("want the credential after %d s, got %+v", s, got)
			}
		}
	})
}

// FuzzVerdict turns arbitrary bytes into observations.
func FuzzVerdict(f *testing.F) {
	f.Add([]byte("squarewatch judges by evidence, not by the newest answer of one probe"))
	f.Fuzz(func(t *testing.T, data []byte) {
		const size = 6
		var seen []Observation
		for i := 0; i+size <= len(data) && i < 40*size; i += size {
			b := data[i:]
			o := at(int(b[0])%240, string('a'+b[1]%6), []string{"", "k", "u"}[b[1]%3], Outcome(b[2]%uint8(Shortage+1)))
			o.End = o.End.Add(time.Duration(i) * time.Millisecond)
			o.Page, o.Foreign, o.Elsewhere, o.NewToken = b[3]&1 > 0, b[3]&2 > 0, b[3]&4 > 0, b[3]&8 > 0
			o.DNS, o.Link = DNS(b[4]%uint8(DNSRefused+1)), Link(b[4]%uint8(LinkProxySilent+1))
			o.Words = []string{"", "user_inactive", "Invalid API key."}[b[3]>>4%3]
			if b[5]&1 > 0 {
				connectivity(b[5]&2 > 0)(&o)
			}
			if b[5]&4 > 0 {
				resolver(b[5]&8 > 0)(&o)
			}
			if b[5]&16 > 0 {
				login(Renewal{Renewed: b[5]&32 > 0, Refused: b[5]&64 > 0, Page: b[5]&128 > 0})(&o)
			}
			seen = append(seen, o)
		}
		for _, o := range seen {
			got := verdictOf(seen, o)
			if (got.Culprit == Unknown) != (got.Advice != "") || len(got.Evidence) > 4 {
				t.Fatalf("want at most four pieces of evidence, and advice exactly when the culprit is unknown, got %+v", got)
			}
			for _, e := range got.Evidence {
				if got.Culprit != Unknown && e.For != got.Culprit {
					t.Fatalf("want evidence for the culprit alone, got %+v", got)
				}
			}
		}
	})
}
