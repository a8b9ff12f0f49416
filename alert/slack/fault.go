package slack

import (
	"fmt"
	"slices"
	"strings"

	"squarewatch/alert"
	"squarewatch/probe"
)

// fault says in words whose fault outcomes are, and what to look at first.
type fault struct {
	on  string // selector of the outcomes
	say string // with %s in the place of the credential
	act string // with wayBegin or wayPhase in the place of what there is to look at
}

// What to look at first depends on whether the message shows traces.
const (
	wayBegin = "{begin}" // how to find out what failed, as the end of a sentence
	wayPhase = "{phase}" // what shows where time went, as the beginning of one
)

// faults is searched from the top. Every class has its line.
func faults() []fault {
	const route = "See from another host whether it is our network."
	return []fault{
		{"5xx", "The API answers with server errors.", "It reached the API and failed there: " + wayBegin + "."},
		{"401", "Our credential%s is refused.", "See whether it expired or was revoked. If other credentials are refused too, it is the API."},
		{"403", "Our credential%s may not do this.", "A role or a permission was taken away."},
		{"404", "What the probe asks for is missing, or we may not see it.", "The API answers 404 to both: check the path, then the access."},
		{"429", "The API limits our requests.", "Probe less often, or find who else uses the credential."},
		{"400", "The API does not accept the probe's request.", "It may have changed: compare the probe with its documentation."},
		{"client_error", "The API does not accept the probe's request.", "It may have changed: compare the probe with its documentation."},
		{"redirect", "The API redirects elsewhere.", "See whether target is still the right address."},
		{"success", "The API answers, but not what the probe expects.", "The reasons stand below."},
		{"timeout", "The API does not answer in time.", wayPhase + " the phase in which time goes. " + route},
		{"dns_error", "The API's name cannot be resolved.", "Check our resolver, then the API's DNS."},
		{"connect_error", "The API cannot be reached.", route},
		{"tls_error", "No trusted TLS connection to the API.", "Look at its certificate, then at our clock and certificates."},
		{"protocol_error", "The API's answers break off or are no HTTP.", "Something between may cut them. " + route},
	}
}

// blame is the fault behind most of an incident's bad runs.
type blame struct {
	fault

	runs, of int
}

// blameOf returns what to tell first; false when the incident names no outcomes.
func blameOf(incident *alert.Incident) (blame, bool) {
	if known, ok := byCondition(incident); ok {
		return blame{fault: known}, true
	}
	table := faults()
	runs, total, top := make([]int, len(table)), 0, 0
	for _, class := range incident.Classes {
		total += class.Runs
		if i := faultOf(table, class.Class, class.Code); i >= 0 {
			runs[i] += class.Runs
		}
	}
	for i := range runs {
		if runs[i] > runs[top] {
			top = i
		}
	}
	if known, ok := attributed(incident.Blame); ok && table[top].on == "401" {
		table[top].say, table[top].act = known.say, known.act
	}
	return blame{table[top], runs[top], total}, runs[top] > 0
}

// attributed says whose fault a 401 is where the probes have found out; false where they have not.
func attributed(blame probe.Blame) (fault, bool) {
	switch blame {
	case probe.BlameCredential:
		return fault{
			say: "Our credential%s is refused: it is ours to fix.",
			act: "It is wrong, expired or revoked. Put a good one in its place and reload squarewatch.",
		}, true
	case probe.BlameLoginService:
		return fault{
			say: "The API's login service fails, so our credential%s cannot be renewed.",
			act: "It is the login service's fault: nothing is known against the credential.",
		}, true
	case probe.BlameAPI:
		return fault{
			say: "The API refuses our credential%s, though it is good.",
			act: "A fresh token is refused, or others get through with the same key: it is the API's fault.",
		}, true
	case probe.BlameUnknown:
		return fault{
			say: "Our credential%s is refused.",
			act: "It is an API key, and nothing yet tells whether the key or the API is at fault: see whether it expired or was revoked.",
		}, true
	case probe.BlameNone, probe.BlameNetwork, probe.BlameWatcher:
	}
	return fault{}, false
}

func faultOf(table []fault, class probe.Class, code int) int {
	for i := range table {
		if probe.MustSelector(table[i].on).Match(probe.Outcome{Class: class, Code: code}) {
			return i
		}
	}
	return -1
}

// blame returns the sentence in bold and what to do, as mrkdwn.
func (v view) blame(b blame) string {
	say := b.say
	if strings.Contains(say, "%s") {
		name := ""
		if v.incident.Per == alert.PerCredential {
			name = " " + mrkdwn(v.incident.Series, cutName)
		}
		say = fmt.Sprintf(say, name)
	}
	if b.runs < b.of {
		say = fmt.Sprintf("Mostly (%d of %d): %s", b.runs, b.of, say)
	}
	return "*" + say + "* " + v.ways(b.act)
}

// ways writes what there is to look at into a sentence: traces where the message shows some, else the API's own words and a run by hand.
func (v view) ways(act string) string {
	begin, phase := "begin with the traces below", "The traces below show"
	shown := v.incident.Examples[:min(len(v.incident.Examples), maxExamples)]
	if !slices.ContainsFunc(shown, v.traced) {
		again := code(strings.TrimSpace("squarewatch probe "+v.probe()), cutPhrase)
		begin, phase = again+" asks again", again+" shows"
		if slices.ContainsFunc(shown, func(e alert.Example) bool { return e.Excerpt != "" }) {
			begin = "begin with its own words below; " + begin
		}
	}
	return strings.NewReplacer(wayBegin, begin, wayPhase, phase).Replace(act)
}

// traced reports whether a run has a trace that somebody can look at.
func (v view) traced(e alert.Example) bool { return e.Trace.IsValid() && !v.options.Untraced }

// probe names the probe of the newest bad run; empty where none is known.
func (v view) probe() string {
	switch {
	case len(v.incident.Examples) > 0:
		return v.incident.Examples[0].Probe
	case v.incident.Per == alert.PerProbe:
		return v.incident.Series
	}
	return ""
}
