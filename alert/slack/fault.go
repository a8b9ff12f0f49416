package slack

import (
	"fmt"
	"slices"
	"strings"

	"squarewatch/alert"
	"squarewatch/probe"
)

// fault is the likely cause of outcomes in words, and the first thing to check.
type fault struct {
	on  string // selector of the outcomes
	say string // %s stands for the credential
	act string // wayBegin or wayPhase stand for what to look at
}

// What to look at first depends on whether the message shows traces.
const (
	wayBegin = "{begin}" // how to find out what failed, as the end of a sentence
	wayPhase = "{phase}" // what shows the slow phase, as the beginning of one
)

// faults is searched from the top. Every class has a line.
func faults() []fault {
	const route = "Check from another host whether it is our network."
	const refused = "Our credential%s is refused."
	const notAccepted = "The API does not accept the probe's request."
	const compare = "It may have changed: compare the probe with its documentation."
	return []fault{
		{on: "5xx", say: "The API answers with server errors.", act: "The requests reached the API and failed there: " + wayBegin + "."},
		{on: "401", say: refused, act: "Check whether it expired or was revoked. If other credentials are refused too, it is the API."},
		{on: "403", say: "Our credential%s may not do this.", act: "A role or a permission was removed."},
		{
			on: "404", say: "The probe's path is missing, or we may not see it.",
			act: "The API answers 404 to both: check the path, then the access.",
		},
		{on: "429", say: "The API limits our requests.", act: "Probe less often, or find who else uses the credential."},
		{on: "400", say: notAccepted, act: compare},
		{on: "client_error", say: notAccepted, act: compare},
		{on: "redirect", say: "The API redirects elsewhere.", act: "Check whether target is still the right address."},
		{on: "success", say: "The API answers, but not what the probe expects.", act: "The reasons are below."},
		{on: "timeout", say: "The API does not answer in time.", act: wayPhase + " the slow phase. " + route},
		{on: "dns_error", say: "The API's name cannot be resolved.", act: "Check our resolver, then the API's DNS."},
		{on: "connect_error", say: "The API cannot be reached.", act: route},
		{on: "tls_error", say: "No trusted TLS connection to the API.", act: "Check its certificate, then our clock and certificates."},
		{on: "protocol_error", say: "The API's answers break off or are not HTTP.", act: "Something between may cut them. " + route},
	}
}

// blame is the fault behind most of an incident's bad runs.
type blame struct {
	fault

	runs, of int
}

// blameOf returns the fault that a message shows first; false when the incident has no outcomes.
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
	return blame{fault: table[top], runs: runs[top], of: total}, runs[top] > 0
}

// attributed returns the fault of a 401 when the probes have determined it; false otherwise.
func attributed(blame probe.Blame) (fault, bool) {
	switch blame {
	case probe.BlameCredential:
		return fault{
			say: "Our credential%s is refused: it is ours to fix.",
			act: "It is wrong, expired or revoked. Replace it and restart squarewatch.",
		}, true
	case probe.BlameLoginService:
		return fault{
			say: "The API's login service fails, so our credential%s cannot be renewed.",
			act: "It is the login service's fault: there is no sign that the credential is bad.",
		}, true
	case probe.BlameAPI:
		return fault{
			say: "The API refuses our credential%s, though it is good.",
			act: "A fresh token is refused, or other probes succeed with the same key: it is the API's fault.",
		}, true
	case probe.BlameUnknown:
		return fault{
			say: "Our credential%s is refused.",
			act: "It is an API key, and it is not known yet whether the key or the API is at fault: check whether it expired or was revoked.",
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

// ways inserts what to look at into a sentence: traces when the message shows some, otherwise the API's own words and a run by hand.
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

// traced reports whether a run has a trace that is exported.
func (v view) traced(e alert.Example) bool { return e.Trace.IsValid() && !v.options.Untraced }

// probe returns the probe of the newest bad run; empty when it is unknown.
func (v view) probe() string {
	switch {
	case len(v.incident.Examples) > 0:
		return v.incident.Examples[0].Probe
	case v.incident.Per == alert.PerProbe:
		return v.incident.Series
	}
	return ""
}
