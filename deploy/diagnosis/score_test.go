//go:build diagnosis

package diagnosis_test

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// grade compares the messages that people got with what was broken.
type grade string

const (
	right   grade = "right"
	vague   grade = "vague"   // no culprit was named where one could be
	wrong   grade = "wrong"   // another culprit was named, or a message came where none was due
	missing grade = "missing" // no message came
)

// outcome is what one row and seed gave.
type outcome struct {
	row      *row
	seed     uint64
	began    time.Time // first bad answer
	healed   time.Time
	messages []message
	log      string
	err      error // the matrix itself failed

	grade    grade
	got      []culprit // last culprit of each incident
	doubled  bool      // more than one FIRING or RESOLVED
	unended  bool      // no RESOLVED
	badWords bool      // a message lacks what it must say, or says what it must not
	toFirst  time.Duration
	toRight  time.Duration // 0 when the right culprit was never named
	delicate bool          // a wrong culprit in a matter of security, or about what we should mend
}

// maxUpdates is how many UPDATEs of one fault people may get.
const maxUpdates = 3

// judge sets the grade from the messages.
func (o *outcome) judge() {
	o.badWords = !o.wellSaid()
	firing, resolved := count(o.messages, "FIRING"), count(o.messages, "RESOLVED")+count(o.messages, "ENDED")
	o.got = o.last()
	o.doubled = firing > 1 || resolved > 1 || count(o.messages, "UPDATE") > maxUpdates
	o.unended = len(o.messages) > 0 && resolved == 0
	o.grade = right
	if len(o.got) == 0 {
		if o.row.want[0] != nobody {
			o.grade = missing
		}
		return
	}
	for _, who := range o.got {
		switch {
		case slices.Contains(o.row.want, who):
		case who == unknown && o.row.want[0] != nobody:
			if o.grade == right {
				o.grade = vague
			}
		default:
			o.grade = wrong
			o.delicate = o.delicate || who.isDelicate() || o.row.want[0].isDelicate()
		}
	}
	o.times()
}

// wellSaid reports whether the messages say what the row wants them to say. Every message about a leak says that it is about security.
func (o *outcome) wellSaid() bool {
	says, never := regexp.MustCompile(o.row.says), regexp.MustCompile(o.row.never)
	found := o.row.says == ""
	for i := range o.messages {
		m := &o.messages[i]
		found = found || (m.event == "FIRING" || m.event == "UPDATE") && says.MatchString(m.full)
		if o.row.never != "" && never.MatchString(m.full) || o.row.want[0] == leak && !strings.Contains(strings.ToLower(m.full), "security") {
			return false
		}
	}
	return found || len(o.messages) == 0
}

// last returns the last culprit of each incident that was announced. People act on every one of them.
func (o *outcome) last() (all []culprit) {
	newest := map[string]culprit{}
	for i := range o.messages {
		m := &o.messages[i]
		_, known := newest[m.subject]
		if m.event == "FIRING" || m.event == "UPDATE" || (o.row.ends && !known) {
			newest[m.subject] = m.blames
		}
	}
	for _, who := range newest {
		if !slices.Contains(all, who) {
			all = append(all, who)
		}
	}
	slices.Sort(all)
	return all
}

// times sets how long the first message and the first with the right culprit took.
func (o *outcome) times() {
	for i := range o.messages {
		m := &o.messages[i]
		since := m.at.Sub(o.began)
		if o.toFirst == 0 {
			o.toFirst = since
		}
		if o.toRight == 0 && o.grade == right && slices.Contains(o.row.want, m.blames) {
			o.toRight = since
		}
	}
}

// once reports whether the fault was announced as one incident, from its beginning to its end.
func (o *outcome) once() bool { return o.grade != missing && !o.doubled && !o.unended }

// good reports whether people got the right message, once, in the right words.
func (o *outcome) good() bool { return o.grade == right && o.once() && !o.badWords }

// short describes an outcome in a word or two.
func (o *outcome) short() string {
	if o.err != nil {
		return "ERROR"
	}
	text := string(o.grade)
	if o.grade == wrong || o.grade == vague {
		names := make([]string, 0, len(o.got))
		for _, who := range o.got {
			names = append(names, string(who))
		}
		text += " (" + strings.Join(names, "+") + ")"
	}
	if o.doubled {
		text += ", doubled"
	}
	if o.unended {
		text += ", no end"
	}
	if o.badWords {
		text += ", words"
	}
	return text
}

// total counts outcomes.
type total struct {
	n, right, vague, wrong, missing, doubled, unended, badWords, good, delicate int
}

func sum(all []*outcome, of func(*outcome) bool) (t total) {
	for _, o := range all {
		if o.err != nil || !of(o) {
			continue
		}
		t.n++
		for v, n := range map[grade]*int{right: &t.right, vague: &t.vague, wrong: &t.wrong, missing: &t.missing} {
			if o.grade == v {
				*n++
			}
		}
		for n, yes := range map[*int]bool{
			&t.doubled: o.doubled, &t.unended: o.unended, &t.badWords: o.badWords, &t.good: o.good(), &t.delicate: o.delicate,
		} {
			if yes {
				*n++
			}
		}
	}
	return t
}

func share(n, of int) float64 { return 100 * float64(n) / float64(max(of, 1)) }

// print writes the table of all rows and the totals.
func print(w io.Writer, all []*outcome) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ref\tfault\tkind\ttruly\ttold, seed by seed")
	for i := 0; i < len(all); {
		r := all[i].row
		var named []string
		for ; i < len(all) && all[i].row == r; i++ {
			named = append(named, all[i].short())
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.ref, r.name, kind(r), r.want[0], strings.Join(named, " | "))
	}
	_ = table.Flush()
	_, _ = fmt.Fprintln(w)
	table = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "\tcases\tright\tvague\twrong\tmissing\tdoubled\tno end\tbad words\tall good\twrong and delicate\t")
	for _, name := range []string{"plain", "hard", "all"} {
		t := sum(all, func(o *outcome) bool { return name == "all" || kind(o.row) == name })
		_, _ = fmt.Fprintf(table, "%s\t%d\t%d (%.1f %%)\t%d\t%d\t%d\t%d\t%d\t%d\t%d (%.1f %%)\t%d\t\n", name, t.n, t.right, share(t.right, t.n),
			t.vague, t.wrong, t.missing, t.doubled, t.unended, t.badWords, t.good, share(t.good, t.n), t.delicate)
	}
	_ = table.Flush()
	first := durations(all, func(o *outcome) time.Duration { return o.toFirst })
	toRight := durations(all, func(o *outcome) time.Duration { return o.toRight })
	say := func(what string, list []time.Duration) {
		_, _ = fmt.Fprintf(w, "from the first bad answer to %s: p50 %.1fs, p95 %.1fs\n", what, quantile(list, 0.5), quantile(list, 0.95))
	}
	say("the first message", first)
	say("the right culprit", toRight)
}

func kind(r *row) string {
	if r.hard {
		return "hard"
	}
	return "plain"
}

// durations returns the durations above zero, sorted. Rows of which only the end is announced do not count.
func durations(all []*outcome, of func(*outcome) time.Duration) (list []time.Duration) {
	for _, o := range all {
		if d := of(o); d > 0 && !o.row.ends {
			list = append(list, d)
		}
	}
	slices.Sort(list)
	return list
}

func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)].Seconds()
}

// explain writes what people received in the cases that were not right, or not announced once.
func explain(w io.Writer, all []*outcome, logs bool) {
	for _, o := range all {
		if o.err == nil && o.good() {
			continue
		}
		_, _ = fmt.Fprintf(w, "\n%s, seed %d: truly %v, %s\n", o.row.name, o.seed, o.row.want, o.short())
		if o.err != nil {
			_, _ = fmt.Fprintf(w, "  %v\n", o.err)
		}
		for i := range o.messages {
			m := &o.messages[i]
			mark := " "
			if !o.healed.IsZero() && m.at.After(o.healed) {
				mark = "healed"
			}
			_, _ = fmt.Fprintf(w, "  %+7.1fs %-6s [%s] %s\n", m.at.Sub(o.began).Seconds(), mark, m.blames, m.text)
		}
		if logs {
			_, _ = fmt.Fprintln(w, o.log)
		}
	}
}
