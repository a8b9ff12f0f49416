package alert

import (
	"time"

	"squarewatch/config/setting"
	"squarewatch/probe"
)

// burnPair is a pair of windows. It fires when the budget of an objective is spent too fast in both of them, by the same factor. The long
// window shows that the problem matters, the short one that it continues.
type burnPair struct {
	long, short time.Duration
	factor      float64
	page        bool // a person must act now; otherwise within days
}

// burnPairs returns the pairs of the Site Reliability Workbook (Beyer et al. 2018), chapter 5,
// https://sre.google/workbook/alerting-on-slos/, scaled from 30 days to the period. They fire when 2 %, 5 %, 10 % and 10 % of the budget
// are spent.
func burnPairs(period time.Duration) [4]burnPair {
	scale := func(d time.Duration) time.Duration {
		return time.Duration(float64(d) * float64(period) / float64(30*24*time.Hour))
	}
	return [4]burnPair{
		{long: scale(time.Hour), short: scale(5 * time.Minute), factor: 14.4, page: true},
		{long: scale(6 * time.Hour), short: scale(30 * time.Minute), factor: 6, page: true},
		{long: scale(24 * time.Hour), short: scale(2 * time.Hour), factor: 3, page: false},
		{long: scale(72 * time.Hour), short: scale(6 * time.Hour), factor: 1, page: false},
	}
}

// BurnEvidence is the least number of bad runs for a pair to fire. One bad run does not show a trend, even for a strict objective.
const BurnEvidence = 2

// BurnRate is a pair of windows of an objective, with the rate at which it fires.
type BurnRate struct {
	Long, Short time.Duration
	Rate        setting.Share // in both windows
	Severity    Severity      // of an incident when this pair fires
}

// BurnRates returns the pairs of a rule with an objective, fastest first.
func (r *Rule) BurnRates() []BurnRate {
	pairs := burnPairs(r.Period)
	rates := make([]BurnRate, 0, len(pairs))
	for _, p := range pairs {
		c := burnCondition{page: p.page}
		rates = append(rates, BurnRate{Long: p.long, Short: p.short, Rate: p.share(r), Severity: c.severity(r)})
	}
	return rates
}

// burnCondition fires when one of the pairs spends the budget too fast, or, where runs are rare, after a streak of bad runs.
type burnCondition struct {
	pairs   [4]burnPair
	windows [4][2]window     // long and short
	streak  *streakCondition // nil unless runs are rare
	factor  float64          // of the fastest pair that fires; 0 when none fires
	page    bool             // a pair that fires, or the streak, needs action now
}

// newBurnCondition returns the condition of a rule with an objective.
func newBurnCondition(rule *Rule, rare bool) *burnCondition {
	c := &burnCondition{pairs: burnPairs(rule.Period)}
	for i, pair := range c.pairs {
		c.windows[i] = [2]window{newWindow(pair.long), newWindow(pair.short)}
	}
	if rare {
		c.streak = &streakCondition{}
	}
	return c
}

// observe counts a run in every window.
func (c *burnCondition) observe(rule *Rule, r *probe.Result, now time.Time) bool {
	if !countsRun(r) {
		return false
	}
	bad, outcome := rule.bad(r), r.Outcome()
	for i := range c.windows {
		for k := range c.windows[i] {
			w := &c.windows[i][k]
			w.advance(now)
			w.add(r.End, outcome, bad)
		}
	}
	if c.streak != nil {
		c.streak.observe(rule, r, now)
	}
	return bad
}

// share returns the rate at which a pair fires. It is at most 1, so that a complete outage fires for every objective.
func (p burnPair) share(rule *Rule) setting.Share {
	return min(setting.Share(p.factor)*(1-rule.Objective), 1)
}

// evaluate checks the pairs, fastest first. A firing pair is clear when its short window is below half of its rate.
func (c *burnCondition) evaluate(rule *Rule, now time.Time) (level, time.Time) {
	result, next := levelUnknown, time.Time{}
	c.factor, c.page = 0, false
	if c.streak != nil {
		result, _ = c.streak.evaluate(rule, now)
		c.page = result == levelCrossed
	}
	for i, pair := range c.pairs {
		long, short := &c.windows[i][0], &c.windows[i][1]
		long.advance(now)
		short.advance(now)
		v := pair.evaluate(rule, long.total, short.total)
		if v == levelCrossed && c.factor == 0 {
			c.factor, c.page = pair.factor, c.page || pair.page
		}
		result = max(result, v)
		if long.total.bad > 0 {
			next = earliest(next, long.leaves())
		}
		if short.total.bad > 0 {
			next = earliest(next, short.leaves())
		}
	}
	return result, next
}

// evaluate compares the counts of the two windows with the rate of the pair.
func (p burnPair) evaluate(rule *Rule, long, short count) level {
	share := p.share(rule)
	switch {
	case int(long.runs) < rule.MinRuns:
		return levelUnknown
	case short.runs == 0:
		return levelBetween // no run shows the present state
	case long.bad >= BurnEvidence && long.rate() >= share && short.rate() >= share:
		return levelCrossed
	case long.rate() >= share && short.rate() >= share/2:
		return levelBetween
	}
	return levelClear
}

// severity returns the rule's own severity when the budget would be spent within days, and at most a warning when that takes longer.
func (c *burnCondition) severity(rule *Rule) Severity {
	if c.page || rule.Severity == Info {
		return rule.Severity
	}
	return Warning
}

// describe sets the figures of the fastest pair that fires. When none fires, it sets the figures of a streak of bad runs. Without a streak,
// it sets those of the fastest pair.
func (c *burnCondition) describe(incident *Incident, now time.Time) {
	i := 0
	for k, pair := range c.pairs {
		if pair.factor == c.factor {
			i = k
		}
	}
	if c.streak != nil && c.factor == 0 && c.streak.badInRow > 0 {
		c.streak.describe(incident, now)
		return
	}
	pair := c.pairs[i]
	incident.Condition, incident.Window = ConditionBurn, pair.long
	c.windows[i][0].describe(incident, now)
	short := c.windows[i][1].at(now)
	burn := incident.Burn
	if burn == nil {
		return // the caller wants only the counts
	}
	budget := float64(1 - burn.Objective)
	burn.Factor, burn.Long, burn.Short = pair.factor, pair.long, pair.short
	burn.LongBurn, burn.ShortBurn = float64(incident.Rate)/budget, float64(short.rate())/budget
	incident.Threshold = min(setting.Share(pair.factor*budget), 1)
	incident.Clear = incident.Threshold / 2
}

// inherit copies the windows.
func (c *burnCondition) inherit(old condition) bool {
	before, ok := old.(*burnCondition)
	if !ok {
		return false
	}
	c.windows, c.factor, c.page = before.windows, before.factor, before.page
	if c.streak != nil && before.streak != nil {
		c.streak = before.streak
	}
	return true
}

// lookback returns the longest window and, where runs are rare, the length of a streak.
func (c *burnCondition) lookback(rule *Rule, _ string) (window time.Duration, last int) {
	if c.streak != nil {
		last = rule.Streak
	}
	return c.pairs[len(c.pairs)-1].long, last
}
