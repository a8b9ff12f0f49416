package alert

import (
	"fmt"
	"time"
)

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
