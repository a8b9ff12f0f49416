package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/config/setting"
)

// message is one line of the report: a message that would have been sent, or an incident that already fired when the period began.
type message struct {
	At       time.Time   `json:"at"`
	State    alert.Event `json:"state"`
	Rule     string      `json:"rule"`
	Series   string      `json:"series"`
	Rate     float64     `json:"rate"`
	Runs     int         `json:"runs"`
	Already  bool        `json:"already,omitempty"`
	bad      int
	severity alert.Severity
}

func newMessage(at time.Time, event alert.Event, i *alert.Incident) message {
	return message{
		At: at.UTC(), State: event, Rule: i.Rule, Series: i.Series, Rate: float64(i.Rate), Runs: i.Runs, bad: i.Bad, severity: i.Severity,
	}
}

// messages returns the lines of the report.
func (b *backtestReport) messages() []message {
	list := make([]message, 0, len(b.already)+len(b.changes))
	for i := range b.already {
		m := newMessage(b.first, alert.EventFiring, &b.already[i])
		m.Already = true
		list = append(list, m)
	}
	for i := range b.changes {
		list = append(list, newMessage(b.changes[i].At, b.changes[i].Event, &b.changes[i].Incident))
	}
	return list
}

// write writes the report as tables, or as JSON lines.
func (b *backtestReport) write(d display, asJSON bool) error {
	if asJSON {
		return b.printJSON(d.out)
	}
	return d.write(b.text(d))
}

// printJSON prints one line per message.
func (b *backtestReport) printJSON(w io.Writer) error {
	encoder := json.NewEncoder(printable{w})
	for _, m := range b.messages() {
		if err := encoder.Encode(m); err != nil {
			return err
		}
	}
	return nil
}

// text returns the report as tables.
func (b *backtestReport) text(d display) string {
	list := b.messages()
	if b.runs == 0 && len(list) == 0 {
		return "There are no runs in this period.\n"
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d runs from %s to %s.\n", b.runs, local(b.first), local(b.last))
	for _, name := range sortedKeys(b.unknown) {
		out.WriteString(d.line(fmt.Sprintf("%d runs of %s are left out: the probe is not in the configuration.", b.unknown[name], name), "  "))
	}
	messages := d.table("at", "message", "rule", "series", "rate", "severity")
	for _, m := range list {
		word := strings.ToUpper(string(m.State))
		if m.Already {
			word += " (already)"
		}
		rate := fmt.Sprintf("%v (%d of %d)", setting.Share(m.Rate), m.bad, m.Runs)
		messages.add(local(m.At), word, m.Rule, m.Series, rate, m.severity)
	}
	if len(list) == 0 {
		out.WriteString("No message would have been sent.\n")
	} else {
		out.WriteString(messages.String())
	}
	rules := d.table("rule", "fired", "for", "longest", "still firing")
	for _, s := range b.totals() {
		rules.add(s.rule, s.fired, s.total.Round(time.Second), s.longest.Round(time.Second), s.stillFiring)
	}
	out.WriteString(rules.String())
	return out.String()
}

// ruleTotal is how often a rule fired, and for how long.
type ruleTotal struct {
	rule           string
	fired          int // how often it fired
	stillFiring    int // number of its incidents that had not ended at the last run
	total, longest time.Duration
}

// addTime adds the time of an incident.
func (t *ruleTotal) addTime(d time.Duration) {
	t.total += d
	t.longest = max(t.longest, d)
}

// totals adds up the incidents of each rule: the file's rules in their order, then the built-in rules that fired.
func (b *backtestReport) totals() []*ruleTotal {
	var list []*ruleTotal
	of := func(rule string) *ruleTotal {
		for _, t := range list {
			if t.rule == rule {
				return t
			}
		}
		list = append(list, &ruleTotal{rule: rule})
		return list[len(list)-1]
	}
	for _, rule := range b.rules {
		of(rule)
	}
	began := map[incidentKey]time.Time{}
	for i := range b.already {
		of(b.already[i].Rule)
		began[incidentKey{rule: b.already[i].Rule, series: b.already[i].Series}] = b.first
	}
	for i := range b.changes {
		t := &b.changes[i]
		key := incidentKey{rule: t.Incident.Rule, series: t.Incident.Series}
		switch t.Event {
		case alert.EventFiring:
			of(key.rule).fired++
			began[key] = t.At
		case alert.EventResolved, alert.EventEnded:
			if begin, ok := began[key]; ok {
				of(key.rule).addTime(t.At.Sub(begin))
				delete(began, key)
			}
		case alert.EventUpdate, alert.EventTest:
		}
	}
	for key, begin := range began {
		of(key.rule).addTime(b.last.Sub(begin))
		of(key.rule).stillFiring++
	}
	return list
}
