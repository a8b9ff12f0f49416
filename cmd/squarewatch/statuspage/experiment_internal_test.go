package statuspage

import (
	"testing"
	"time"
)

func TestHowAnExperimentDiffers(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 10, 7, 2, minute, 0, 0, time.UTC) }
	fired := func(series string, from, until int) Firing {
		return Firing{Series: series, At: at(from), Over: at(until)}
	}
	now := []Firing{fired("a", 10, 20), fired("b", 30, 40)}
	for _, test := range []struct {
		then []Firing
		want string
	}{
		{nil, "Would have fired 0 times (as it is: 2)."},
		{now, "Would have fired 2 times (as it is: 2), the same incidents at the same time."},
		{[]Firing{fired("a", 8, 20)}, "Would have fired 1 time (as it is: 2), the same incidents up to 2 min sooner."},
		{[]Firing{fired("a", 1, 2), fired("a", 11, 20)}, "Would have fired 2 times (as it is: 2), the same incidents up to 1 min later."},
		{
			[]Firing{fired("a", 9, 20), fired("b", 33, 40)},
			"Would have fired 2 times (as it is: 2), the same incidents up to 1 min sooner and up to 3 min later.",
		},
		{[]Firing{fired("b", 10, 20)}, "Would have fired 1 time (as it is: 2)."},
		{[]Firing{{Series: "a", At: at(15)}}, "Would have fired 1 time (as it is: 2), the same incidents up to 5 min later."},
	} {
		if got := compare(&Backtest{Fired: now}, &Backtest{Fired: test.then}); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
