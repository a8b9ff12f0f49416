package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"squarewatch/probe"
)

// maxReasons is how many pieces of evidence a message shows.
const maxReasons = 3

// Wording says how a notifier writes the texts that are inserted into sentences.
type Wording struct {
	Escape  func(string) string // makes text from outside harmless, such as an API's answer; nil to leave it as it is
	Command func(string) string // writes a command; Escape when nil
	Trace   func(*Example) bool // whether the message links to the trace of a run; nil when it links to none
}

// Explanation says what an incident means, in sentences.
type Explanation struct {
	Say     string           // what happens, and whose fault it is
	Whose   string           // the part of Say about the fault; all of Say for a condition with its own sentences; empty when no run says
	Act     string           // what to do now
	Reasons []probe.Evidence // the evidence for the fault, without what Say already tells; at most three
}

// Culprit returns whose fault an incident is, in a few words; empty when no run says.
func (i *Incident) Culprit(w Wording) string { return i.Named(i.Blame, w) }

// Named returns the name of a culprit in the words of an incident; empty when there is no culprit.
func (i *Incident) Named(culprit probe.Blame, w Wording) string {
	w.setDefaults()
	return i.insert(sentenceOf(culprit).name, w)
}

// Explain returns what an incident means; false when nothing is known about it.
func (i *Incident) Explain(w Wording) (Explanation, bool) {
	w.setDefaults()
	reasons := i.Evidence[:min(len(i.Evidence), maxReasons)]
	if say, act, ok := conditionSentences(i); ok {
		say = i.insert(say, w)
		return Explanation{Say: say, Whose: say, Act: i.insert(act, w), Reasons: reasons}, true
	}
	what, of, total := i.outcome()
	fault := sentenceOf(i.Blame)
	switch {
	case fault.culprit == probe.BlameNone && of == 0:
		return Explanation{}, false
	case fault.culprit == probe.BlameNone:
		fault = culpritSentence{what: true, act: what.ask}
	case fault.culprit == probe.BlameUnknown:
		fault.act = cmp.Or(sentence(w.Escape(i.Advice)), what.ask)
		reasons = reasons[min(len(reasons), 1):]
	}
	say, act := i.insert(fault.say, w), i.insert(fault.act, w)
	whose := say
	if fault.what && of > 0 {
		say = joinSentences(i.happens(&what, of, total, w), say)
		act = joinSentences(i.insert(what.act, w), act)
	}
	return Explanation{Say: say, Whose: whose, Act: act, Reasons: reasons}, true
}

func (w *Wording) setDefaults() {
	if w.Escape == nil {
		w.Escape = func(text string) string { return text }
	}
	if w.Command == nil {
		w.Command = w.Escape
	}
	if w.Trace == nil {
		w.Trace = func(*Example) bool { return false }
	}
}

// outcome returns the sentences of the most frequent outcome of the bad runs, the number of runs with that outcome, and the number of all
// bad runs.
func (i *Incident) outcome() (top outcomeSentence, runs, total int) {
	table := outcomeSentences()
	counts := make([]int, len(table))
	for _, class := range i.Classes {
		total += class.Runs
		o := probe.Outcome{Class: class.Class, Code: class.Code}
		k := slices.IndexFunc(table, func(s outcomeSentence) bool { return probe.MustSelector(s.on).Match(o) })
		if k >= 0 {
			counts[k] += class.Runs
		}
	}
	best := 0
	for k := range counts {
		if counts[k] > counts[best] {
			best = k
		}
	}
	return table[best], counts[best], total
}

// happens returns the sentence about what happens. If only some of the bad runs had that outcome, the sentence says how many.
func (i *Incident) happens(what *outcomeSentence, runs, total int, w Wording) string {
	say := what.say
	switch {
	case what.bare != "" && i.isWithoutCredential():
		say = what.bare
	case what.theirs != "" && i.Blame == probe.BlameAPI:
		say = what.theirs
	}
	say = i.insert(say, w)
	if runs < total {
		say = fmt.Sprintf("Mostly (%d of %d): %s", runs, total, say)
	}
	return say
}

// isWithoutCredential reports whether the bad runs were made without a credential.
func (i *Incident) isWithoutCredential() bool {
	switch {
	case i.Blamed != "":
		return false
	case i.Per == PerCredential:
		return i.Series == probe.NoCredential
	}
	return len(i.Examples) > 0 && i.Examples[0].Credential == ""
}

// credential returns the name of the credential that the incident is about; empty when it is about none, or about several.
func (i *Incident) credential() string {
	switch {
	case i.isWithoutCredential():
		return ""
	case i.Per == PerCredential:
		return i.Series
	case i.Blamed != "":
		return i.Blamed
	case len(i.Examples) > 0:
		return i.Examples[0].Credential
	}
	return ""
}

// insert replaces the names in braces.
func (i *Incident) insert(text string, w Wording) string {
	if !strings.Contains(text, "{") {
		return text
	}
	credential := w.Escape(i.credential())
	if credential != "" {
		credential = " " + credential
	}
	because := "the evidence so far does not tell"
	if len(i.Evidence) > 0 {
		because = clause(w.Escape(i.Evidence[0].Text))
	}
	begin, phase := i.hints(w)
	work, reason, effect := i.troubleTexts(w)
	return strings.NewReplacer(insertWork, work, insertReason, reason, insertEffect, effect,
		insertCredential, credential, insertBecause, because, insertBegin, begin, insertPhase, phase,
		insertRuns, countOfRuns(i.Bad)).Replace(text)
}

// hints returns two parts of sentences: what to look at first, and what shows the slow phase. They name the traces when the message links
// to some. Otherwise they name the command that repeats the run, and begin also names the excerpt of the API's answer.
func (i *Incident) hints(w Wording) (begin, phase string) {
	shown := i.Examples[:min(len(i.Examples), maxExamples)]
	if slices.ContainsFunc(shown, func(e Example) bool { return w.Trace(&e) }) {
		return "begin with the traces below", "The traces below show"
	}
	again := w.Command(strings.TrimSpace("squarewatch probe " + i.newestProbe()))
	begin, phase = again+" repeats the request", again+" shows"
	if slices.ContainsFunc(shown, func(e Example) bool { return e.Excerpt != "" }) {
		begin = "read its own words below; " + begin
	}
	return begin, phase
}

// troubleTexts returns what a part of squarewatch does not do, why, and what follows; empty for other incidents.
func (i *Incident) troubleTexts(w Wording) (work, reason, effect string) {
	t := i.Trouble
	if t == nil {
		return "", "", ""
	}
	effect = w.Escape(t.Effect)
	if t.Fix != "" {
		effect += " What to do: " + w.Escape(t.Fix) + "."
	}
	return w.Escape(t.Work), w.Escape(t.Reason), effect
}

// newestProbe returns the probe of the newest bad run; empty when it is not known.
func (i *Incident) newestProbe() string {
	switch {
	case len(i.Examples) > 0:
		return i.Examples[0].Probe
	case i.Per == PerProbe:
		return i.Series
	}
	return ""
}

// countOfRuns writes a number of runs.
func countOfRuns(n int) string {
	if n == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs", n)
}

// joinSentences returns sentences with a space between them, without the empty ones.
func joinSentences(sentences ...string) string {
	return strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), " ")
}

// sentence returns text with a capital at its beginning and a full stop; empty for empty text.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(text[size:], ".") + "."
}

// clause returns a sentence as the end of another one: its first letter becomes small, and its full stop is cut. Text that begins with
// two capitals, as in DNS, stays as it is.
func clause(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	rest := strings.TrimSuffix(text[size:], ".")
	if next, _ := utf8.DecodeRuneInString(rest); unicode.IsUpper(next) { // a name in capitals
		return text[:size] + rest
	}
	return string(unicode.ToLower(first)) + rest
}
