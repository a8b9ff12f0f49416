package probe

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"squarewatch/config/setting"
)

// parseEvery reads a text such as "@every 30s"; false for any other. It reads the duration itself, because the library rounds it to whole
// seconds and knows no days.
func parseEvery(text string) (every time.Duration, ok bool, err error) {
	duration, ok := strings.CutPrefix(text, "@every ")
	if !ok {
		return 0, false, nil
	}
	var d setting.Duration
	if err := d.UnmarshalText([]byte(strings.TrimSpace(duration))); err != nil {
		return 0, true, fmt.Errorf("%q is not a schedule: %w", text, err)
	}
	if every = time.Duration(d); every < shortestInterval {
		return 0, true, fmt.Errorf("%q is too often: an interval is at least %v", text, shortestInterval)
	}
	return every, true, nil
}

// cutZone returns the time zone in front of an expression and the rest; no zone where there is none.
func cutZone(text string) (zone, fields string) {
	for _, prefix := range []string{"CRON_TZ=", "TZ="} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			zone, fields, _ = strings.Cut(rest, " ")
			return zone, strings.TrimSpace(fields)
		}
	}
	return "", text
}

// checkZone returns why a time zone is not known.
func checkZone(text string) error {
	zone, _ := cutZone(text)
	if _, err := time.LoadLocation(zone); err != nil {
		return fmt.Errorf("%q names the time zone %q, which is not known: write a name of the tz database, for example Europe/Berlin", text, zone)
	}
	return nil
}

// field is a field of a cron expression.
type field struct {
	name        string
	first, last int
	unit        string // of a step in @every; empty for none
}

// cronFields lists the fields of an expression with seconds.
func cronFields() []field {
	return []field{
		{name: "second", last: 59, unit: "s"},
		{name: "minute", last: 59, unit: "m"},
		{name: "hour", last: 23, unit: "h"},
		{name: "day", first: 1, last: 31, unit: "d"},
		{name: "month", first: 1, last: 12},
		{name: "weekday", last: 6},
	}
}

// checkSteps returns a fault of an expression with a step that is longer than its range, such as */90 in the minutes. The library takes it
// for the first value of the range, so the probe would run hourly: https://github.com/robfig/cron/issues/543.
func checkSteps(text string) error {
	_, rest := cutZone(text)
	texts := strings.Fields(rest)
	fields := cronFields()
	if len(texts) < len(fields) {
		fields = fields[1:]
	}
	if len(texts) != len(fields) {
		return nil
	}
	for i, f := range fields {
		for item := range strings.SplitSeq(texts[i], ",") {
			values, steps, _ := strings.Cut(item, "/")
			step, err := strconv.Atoi(steps)
			if err != nil || step <= f.length(values) {
				continue
			}
			return fmt.Errorf("%q has %s in the %ss, a step that is longer than its range: %s", text, item, f.name, f.replacement(values, step))
		}
	}
	return nil
}

// length returns the longest step within values such as *, 5 or 10-20.
func (f field) length(values string) int {
	first, last, isRange := strings.Cut(values, "-")
	from, err := strconv.Atoi(first)
	if err != nil { // * or ?, or a name
		from = f.first
	}
	until, err := strconv.Atoi(last)
	if err != nil || !isRange {
		until = f.last
	}
	return until - from
}

// replacement says what to write for a step that is too long.
func (f field) replacement(values string, step int) string {
	if f.unit == "" || values != "*" {
		return "write the values, for example " + strconv.Itoa(f.first)
	}
	return fmt.Sprintf(`write "@every %d%s" for that interval, or %d for one value`, step, f.unit, f.first)
}
