package alert

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"squarewatch/probe"
)

// maxOutcomes is how many outcomes a message lists.
const maxOutcomes = 5

// DurationStyle is how a duration is written for people.
type DurationStyle int

// The styles.
const (
	DurationCompact DurationStyle = iota // 5m 27s, for messages
	DurationSpaced                       // 5 min 27 s, for pages, which have more room
)

// durationUnit is a unit of time with its name. The name begins with the space that the style has before it.
type durationUnit struct {
	size time.Duration
	name string
}

// units returns the units of a style, the largest first.
func (s DurationStyle) units() []durationUnit {
	if s == DurationSpaced {
		return []durationUnit{{24 * time.Hour, " d"}, {time.Hour, " h"}, {time.Minute, " min"}, {time.Second, " s"}}
	}
	return []durationUnit{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}}
}

// Lasting writes a duration with its two largest units, rounded to a second. A negative duration is written as zero.
func Lasting(d time.Duration, style DurationStyle) string {
	d = max(d, 0).Round(time.Second)
	units := style.units()
	for len(units) > 1 && d < units[0].size {
		units = units[1:]
	}
	text := fmt.Sprintf("%d%s", d/units[0].size, units[0].name)
	if rest := d % units[0].size; len(units) > 1 && rest >= units[1].size {
		text += fmt.Sprintf(" %d%s", rest/units[1].size, units[1].name)
	}
	return text
}

// Shortened joins the first entries of a list and counts the rest.
func Shortened(list []string, limit int) string {
	if len(list) <= limit {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:limit], ", "), len(list)-limit)
}

// OutcomeName names an outcome by its code, or by its class when there was no answer.
func OutcomeName(class probe.Class, code int) string {
	if code > 0 && !class.IsTransport() {
		return strconv.Itoa(code)
	}
	return strings.ReplaceAll(class.String(), "_", " ")
}

// OutcomeCounts lists outcomes with their counts, as in 6× 500, 2× timeout.
func OutcomeCounts(classes []ClassCount) string {
	list := make([]string, 0, len(classes))
	for _, c := range classes {
		list = append(list, fmt.Sprintf("%d× %s", c.Runs, OutcomeName(c.Class, c.Code)))
	}
	return Shortened(list, maxOutcomes)
}

// BadTime describes an incident that is over: its bad runs, and the time from the first to the last. The incident did not fire for exactly
// that time, because bad runs must first fill the window, and later leave it.
func (i *Incident) BadTime() string {
	switch {
	case i.Condition == ConditionNoData:
		return "no run finished for " + Lasting(i.Resolved.Sub(i.Since), DurationCompact)
	case i.BadRuns > 1:
		return fmt.Sprintf("%d bad runs in %s", i.BadRuns, Lasting(i.LastBad.Sub(i.FirstBad), DurationCompact))
	case i.BadRuns == 1:
		return "1 bad run"
	}
	return "it fired for " + Lasting(i.Declared(), DurationCompact)
}
