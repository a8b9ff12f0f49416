package slack_test

import (
	"reflect"
	"testing"

	"squarewatch/alert"
	"squarewatch/alert/slack"
)

// TestEveryTextOfAnIncidentIsHarmless puts each hostile text into every text of an incident, one incident for each kind of message.
// Only the condition stays, because it says which sentences the message has.
func TestEveryTextOfAnIncidentIsHarmless(t *testing.T) {
	for text, s := range hostileTexts() {
		t.Run(text, func(t *testing.T) {
			for _, n := range messages() {
				condition := n.Incident.Condition
				for _, event := range []alert.Event{alert.EventFiring, alert.EventUpdate, alert.EventResolved, alert.EventEnded} {
					n.Event, n.Incident = event, filled(n.Incident, s)
					n.Incident.Condition = condition
					n.Others = []alert.Incident{n.Incident}
					checkLimits(t, slack.Render(n, everything("support@example.org")))
				}
			}
		})
	}
}

// filled returns a copy of an incident with a text in place of every text in it, also in lists, maps and what pointers lead to.
func filled(incident alert.Incident, s string) alert.Incident {
	return fill(reflect.ValueOf(incident), s).Interface().(alert.Incident)
}

func fill(v reflect.Value, s string) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() { //nolint:exhaustive // numbers, times and truth values stay
	case reflect.String:
		out.SetString(s)
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(fill(v.Elem(), s))
		}
	case reflect.Slice:
		if !v.IsNil() {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(fill(v.Index(i), s))
			}
		}
	case reflect.Map:
		if !v.IsNil() {
			out.Set(reflect.MakeMap(v.Type()))
			for key, value := range v.Seq2() {
				out.SetMapIndex(fill(key, s), fill(value, s))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if out.Field(i).CanSet() {
				out.Field(i).Set(fill(v.Field(i), s))
			}
		}
	}
	return out
}
