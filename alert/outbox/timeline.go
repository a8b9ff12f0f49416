package outbox

import (
	"slices"
	"time"

	"squarewatch/alert"
)

// MomentKind says what happened in an incident.
type MomentKind string

// The kinds of moments, in the order in which they are listed when they happened at the same time.
const (
	MomentFirstBad     MomentKind = "first_bad"    // the first bad run ended
	MomentCrossed      MomentKind = "crossed"      // the rule crossed its threshold
	MomentFired        MomentKind = "fired"        // the incident was declared
	MomentAcknowledged MomentKind = "acknowledged" // a person acknowledged the incident
	MomentNote         MomentKind = "note"         // a person wrote a note
	MomentSilenced     MomentKind = "silenced"     // a silence of the incident began
	MomentUnsilenced   MomentKind = "unsilenced"   // it ended, or a person removed it
	MomentLastBad      MomentKind = "last_bad"     // the last bad run so far ended
	MomentResolved     MomentKind = "resolved"     // the incident ended
	MomentDelivered    MomentKind = "delivered"    // a destination received a message
)

// Moment is one entry of an incident's timeline.
type Moment struct {
	At       time.Time  `json:"at"`
	Kind     MomentKind `json:"kind"`
	By       string     `json:"by,omitempty"`       // who acknowledged, wrote or silenced
	Until    time.Time  `json:"until,omitzero"`     // end of a silence, as it was set
	Text     string     `json:"text,omitempty"`     // of a note or a silence, or why the incident ended without a recovery
	Delivery *Delivery  `json:"delivery,omitempty"` // only of MomentDelivered
}

// Timeline returns what happened in an incident until now, ordered by time. The result depends on the arguments only.
func Timeline(i *alert.Incident, deliveries []Delivery, notes []Note, silences []alert.Silence, now time.Time) []Moment {
	list := []Moment{
		{At: i.FirstBad, Kind: MomentFirstBad}, {At: i.Crossed, Kind: MomentCrossed}, {At: i.Fired, Kind: MomentFired},
	}
	if a := i.Acknowledged; a != nil {
		list = append(list, Moment{At: a.At, Kind: MomentAcknowledged, By: a.By})
	}
	for _, n := range notes {
		list = append(list, Moment{At: n.At, Kind: MomentNote, By: n.By, Text: n.Text})
	}
	for k := range silences {
		list = append(list, momentsOf(&silences[k], now)...)
	}
	list = append(list, Moment{At: i.LastBad, Kind: MomentLastBad}, Moment{At: i.Resolved, Kind: MomentResolved, Text: i.EndReason})
	for k := range deliveries {
		list = append(list, Moment{At: deliveries[k].Delivered, Kind: MomentDelivered, Delivery: &deliveries[k]})
	}
	list = slices.DeleteFunc(list, func(m Moment) bool { return m.At.IsZero() })
	slices.SortStableFunc(list, func(a, b Moment) int { return a.At.Compare(b.At) })
	return list
}

// momentsOf returns the beginning of a silence, and its end if it is over.
func momentsOf(s *alert.Silence, now time.Time) []Moment {
	list := []Moment{{At: s.From, Kind: MomentSilenced, By: s.By, Until: s.Until, Text: s.Comment}}
	if !s.End().After(now) {
		list = append(list, Moment{At: s.End(), Kind: MomentUnsilenced})
	}
	return list
}
