package probe

import (
	"math/bits"
	"time"

	"github.com/robfig/cron/v3"
)

const (
	hoursADay = 24
	day       = hoursADay * time.Hour
)

// Busiest returns the largest number of intended times in any period of a length, both ends included. It checks every period of
// the calendar, so for a schedule of nights, of weekends or of one month the busy time decides. It ignores changes of the clock.
func (s Schedule) Busiest(length time.Duration) int {
	if s.every > 0 {
		return 1 + int(length/s.every)
	}
	spec, ok := s.cron.(*cron.SpecSchedule)
	if !ok || length < 0 {
		return 0
	}
	times, days := timesOfDay(spec), daysOf(spec, int(length/day)+2)
	today, tomorrow := days.busiest(int(length/day)), days.busiest(int(length/day)+1)
	most, last, aDay := 0, 0, len(times)
	for i := range aDay {
		times = append(times, times[i]+day) // as if the day after were a working day too
	}
	for first, begin := range times[:aDay] {
		end := begin + length%day
		for last < len(times) && times[last] <= end {
			last++
		}
		if end < day {
			most = max(most, today.runs(first, last, aDay))
		} else {
			most = max(most, tomorrow.runs(first, last-aDay, aDay))
		}
	}
	return most
}

// LongestGap returns the longest time from one intended time to the one that is a number of intervals later. It ignores changes of the
// clock.
func (s Schedule) LongestGap(intervals int) time.Duration {
	if s.every > 0 {
		return time.Duration(intervals) * s.every
	}
	spec, ok := s.cron.(*cron.SpecSchedule)
	if !ok {
		return 0
	}
	times, days := timesOfDay(spec), daysOf(spec, 0)
	aDay := len(times)
	soon, later := days.longest(intervals/aDay), days.longest(intervals/aDay+1)
	longest := time.Duration(0)
	for i := range times {
		last, gap := i+intervals%aDay, soon
		if last >= aDay {
			last, gap = last-aDay, later
		}
		longest = max(longest, time.Duration(gap)*day+times[last]-times[i])
	}
	return longest
}

// stretch is a number of days that begins with a working day: a day on which the schedule has times.
type stretch struct {
	days    int // 0 for one that begins and ends on the same day
	whole   int // most working days between the first and the last day; -1 for no such stretch
	working int // the same if the last day is a working day
}

// runs returns the largest number of times in a stretch, from time first of the first day to before time last of the last day. A working
// day has aDay times.
func (s stretch) runs(first, last, aDay int) int {
	switch {
	case s.days == 0:
		return last - first
	case s.working < 0:
		return aDay - first + s.whole*aDay
	}
	return aDay - first + max(s.whole*aDay, s.working*aDay+last)
}

// timesOfDay returns the times of a working day, in order, with room for those of another.
func timesOfDay(spec *cron.SpecSchedule) []time.Duration {
	hours, minutes, seconds := valuesOf(spec.Hour), valuesOf(spec.Minute), valuesOf(spec.Second)
	times := make([]time.Duration, 0, 2*len(hours)*len(minutes)*len(seconds))
	for _, h := range hours {
		for _, m := range minutes {
			for _, s := range seconds {
				times = append(times, time.Duration(h)*time.Hour+time.Duration(m)*time.Minute+time.Duration(s)*time.Second)
			}
		}
	}
	return times
}

// valuesOf returns the values of a field, in order.
func valuesOf(field uint64) []int {
	values := make([]int, 0, bits.OnesCount64(field))
	for field &^= star; field != 0; field &= field - 1 {
		values = append(values, bits.TrailingZeros64(field))
	}
	return values
}

// calendar holds which days are working days, starting with a Monday.
type calendar struct {
	before []int // how many working days lie before a day
	begin  int   // days on which a stretch may begin
}

// daysOf returns the working days of one cycle of the calendar, and of a number of days more. A cycle has 28 years, or a week if only
// weekdays count.
func daysOf(spec *cron.SpecSchedule, more int) calendar {
	const week, years = 7, 28*365 + 7
	c := calendar{begin: years}
	if bits.OnesCount64(spec.Dom&^star) == 31 && bits.OnesCount64(spec.Month&^star) == 12 {
		c.begin = week
	}
	c.before = make([]int, 1, c.begin+more+1)
	date := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range c.begin + more {
		working := 0
		if works(spec, date.AddDate(0, 0, i)) {
			working = 1
		}
		c.before = append(c.before, c.before[i]+working)
	}
	return c
}

// works reports whether a schedule has times on a day. If both are named, the day of the month or the weekday is enough.
// See the field descriptions in https://pkg.go.dev/github.com/robfig/cron/v3#hdr-CRON_Expression_Format and crontab(5).
func works(spec *cron.SpecSchedule, date time.Time) bool {
	_, month, dayOfMonth := date.Date()
	if spec.Month&(1<<month) == 0 {
		return false
	}
	dom, dow := spec.Dom&(1<<dayOfMonth) > 0, spec.Dow&(1<<date.Weekday()) > 0
	if spec.Dom&star > 0 || spec.Dow&star > 0 {
		return dom && dow
	}
	return dom || dow
}

// works reports whether day i is a working day.
func (c *calendar) works(i int) bool { return c.before[i+1] > c.before[i] }

// busiest returns the busiest stretch that ends a number of days after it begins.
func (c *calendar) busiest(days int) stretch {
	s := stretch{days: days, whole: -1, working: -1}
	for i := range c.begin {
		if !c.works(i) {
			continue
		}
		if days == 0 {
			return s
		}
		between := c.before[i+days] - c.before[i+1]
		s.whole = max(s.whole, between)
		if c.works(i + days) {
			s.working = max(s.working, between)
		}
	}
	return s
}

// longest returns the largest number of days from a working day to the one that is a number of working days later.
func (c *calendar) longest(later int) int {
	var working []int
	for i := range c.begin {
		if c.works(i) {
			working = append(working, i)
		}
	}
	longest := 0
	for i, from := range working {
		last := i + later
		until := working[last%len(working)] + last/len(working)*c.begin // the calendar repeats
		longest = max(longest, until-from)
	}
	return longest
}
