package probe

import (
	"slices"
	"strconv"
	"strings"
)

// sundays replaces weekday 7, which is Sunday as in Vixie cron (crontab(5)), by weekday 0, which the library reads.
func sundays(text string) string {
	fields := strings.Fields(text)
	times := fields
	if len(fields) > 0 && (strings.HasPrefix(fields[0], "TZ=") || strings.HasPrefix(fields[0], "CRON_TZ=")) {
		times = fields[1:]
	}
	if len(times) != 5 && len(times) != 6 || !strings.Contains(times[len(times)-1], "7") {
		return text
	}
	parts := strings.Split(times[len(times)-1], ",")
	for i := range parts {
		parts[i] = withoutSeven(parts[i])
	}
	times[len(times)-1] = strings.Join(parts, ",")
	return strings.Join(fields, " ")
}

// withoutSeven writes out a range of weekdays that ends with 7. Any other text stays as it is.
func withoutSeven(part string) string {
	span, stepText, stepped := strings.Cut(part, "/")
	from, to, ranged := strings.Cut(span, "-")
	if !ranged {
		to = from
	}
	first, err := strconv.Atoi(from)
	step := 1
	if stepped && err == nil {
		step, err = strconv.Atoi(stepText)
	}
	if err != nil || to != "7" || step < 1 || first < 0 || first > 7 {
		return part
	}
	var days []string
	for day := first; day <= 7; day += step {
		days = append(days, strconv.Itoa(day%7))
	}
	slices.Sort(days)
	return strings.Join(slices.Compact(days), ",")
}
