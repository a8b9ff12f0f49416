package statuspage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/config/setting"
)

// Moment is an entry of a timeline.
type Moment struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
	Say  string    `json:"say,omitempty"`
}

// timeline lists what happened, in order.
func timeline(i *alert.Incident, records *Records, now time.Time) []Moment {
	list := []Moment{
		{At: i.BlameChangedAt, What: "Fault reassessed"},
		{At: i.JoinedAt, What: "Further series joined", Say: foreign(strings.Join(i.JoinedNames(false), ", "), cutExcerpt)},
	}
	list = slices.DeleteFunc(list, func(m Moment) bool { return m.At.IsZero() })
	for _, m := range outbox.Timeline(i, records.Deliveries, records.Notes, records.Silences, now) {
		list = append(list, momentOf(i, &m))
	}
	slices.SortStableFunc(list, func(a, b Moment) int { return a.At.Compare(b.At) })
	return list
}

// momentOf writes a moment in words.
func momentOf(i *alert.Incident, m *outbox.Moment) Moment {
	shown := Moment{At: m.At}
	switch m.Kind {
	case outbox.MomentFirstBad:
		shown.What = "First bad run"
	case outbox.MomentCrossed:
		shown.What = "Threshold crossed"
	case outbox.MomentFired:
		shown.What, shown.Say = "Fired", arithmetic(i)
	case outbox.MomentAcknowledged:
		shown.What, shown.Say = "Acknowledged", "by "+foreign(m.By, cutName)
	case outbox.MomentNote:
		shown.What, shown.Say = "Note", foreign(m.By, cutName)+": "+foreign(m.Text, cutNote)
	case outbox.MomentSilenced:
		shown.What, shown.Say = "Silenced", silenceOf(m)
	case outbox.MomentUnsilenced:
		shown.What = "Silence ended"
	case outbox.MomentLastBad:
		shown.What, shown.Say = "Last bad run", count(i.BadRuns, "bad run", "bad runs")+" so far"
	case outbox.MomentResolved:
		shown.What = "Resolved"
		if i.Ended() {
			shown.What, shown.Say = "Ended without a recovery", foreign(m.Text, cutExcerpt)
		}
	case outbox.MomentDelivered:
		shown.What, shown.Say = deliveryOf(i, m.Delivery)
	}
	return shown
}

// arithmetic says what a rule that compares a rate compared when it fired; empty for other rules.
func arithmetic(i *alert.Incident) string {
	if i.Condition != alert.ConditionRate {
		return ""
	}
	compared := fmt.Sprintf("at or above %v in %s", i.Threshold, lasting(i.Window))
	counted := i.FiredWith
	if counted.Runs == 0 {
		return compared
	}
	return fmt.Sprintf("%d of %d runs (%v), %s", counted.Bad, counted.Runs, setting.Share(counted.Bad)/setting.Share(counted.Runs), compared)
}

// silenceOf says who set a silence, its end and its reason.
func silenceOf(m *outbox.Moment) string {
	text := "until " + m.Until.UTC().Format("2 Jan 15:04:05")
	if m.By != "" {
		text = "by " + foreign(m.By, cutName) + " " + text
	}
	if m.Text != "" {
		text += ": " + foreign(m.Text, cutNote)
	}
	return text
}

// deliveryOf says what a notifier received, and how long after the change.
func deliveryOf(i *alert.Incident, d *outbox.Delivery) (what, say string) {
	what = "Told " + foreign(d.Notifier, cutName)
	say = strings.ToUpper(string(d.Event))
	if d.Event == alert.EventUpdate {
		switch news := newsOf(i, d.Queued); news {
		case "":
			what = "Reminded " + foreign(d.Notifier, cutName)
		default:
			say += ", " + news
		}
	}
	say += ", " + millis(max(d.Delivered.Sub(d.Queued), 0)) + " after the change"
	if d.Attempts > 1 {
		say += fmt.Sprintf(", at attempt %d", d.Attempts)
	}
	return what, say
}

// newsOf names the change that made an UPDATE; empty for a reminder.
func newsOf(i *alert.Incident, queued time.Time) string {
	at := func(change time.Time) bool { return !change.IsZero() && queued.Sub(change).Abs() < time.Second }
	switch {
	case i.Acknowledged != nil && at(i.Acknowledged.At):
		return "who acknowledged it"
	case at(i.BlameChangedAt):
		return "whose fault it is"
	case at(i.JoinedAt):
		return "which series joined it"
	}
	return ""
}
