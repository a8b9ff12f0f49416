package bench_test

// The programs that are compared.
const (
	bare       = "bare net/http"
	everything = "squarewatch"
	noOTLP     = "squarewatch without OTLP"
	fewTraces  = "squarewatch, 1% of healthy traces"
	noState    = "squarewatch without state_dir"
	noRules    = "squarewatch without rules"
	defaultGC  = "squarewatch with GOGC=100"
	nothing    = "squarewatch without all three"
	blackbox   = "blackbox_exporter, Prometheus"
)

// budgetRate is the rate of the budgets, and the rate at which each part is off once.
const budgetRate = 1000

// rates returns the numbers of runs in a second. Each has as many probes, which run once a second.
func rates() []int { return []int{100, budgetRate, 2000} }

func plainFresh() setting { return setting{Rate: budgetRate, Probes: budgetRate} }
func plainReuse() setting { return setting{Rate: budgetRate, Probes: budgetRate, Reuse: true} }

// manyProbes is the same rate with ten times as many probes, which run every ten seconds.
func manyProbes() setting { return setting{Rate: budgetRate, Probes: 10 * budgetRate} }

// budget is a bound of what squarewatch may use.
type budget struct {
	what    string
	unit    string
	atMost  float64
	program string
	at      setting
	name    string // of the figure
}

// budgets returns those that a sweep measures.
func budgets() []budget {
	return []budget{
		{"CPU of a run, fresh connections", "× bare", 1.2, everything, plainFresh(), timesBare},
		{"CPU of a run, fresh connections, without OTLP", "× bare", 1.0, noOTLP, plainFresh(), timesBare},
		{"CPU of a run, kept connections", "× bare", 1.25, everything, plainReuse(), timesBare},
		{"CPU of a run, kept connections, without OTLP", "× bare", 0.95, noOTLP, plainReuse(), timesBare},
		{"missed runs at 1,000 runs a second", "", 0, everything, plainFresh(), missed},
		{"10,000 probes: start to ready", "ms", 2000, everything, manyProbes(), ready},
		{"10,000 probes: resident memory", "MB", 150, everything, manyProbes(), resident},
		{"10,000 probes: lateness of 99 % of the runs", "ms", 20, everything, manyProbes(), lateness},
		{"10,000 probes: a scrape of `/metrics`", "ms", 500, everything, manyProbes(), scrapeTime},
		{"`/metrics` as text, of a probe", "B", 2000, everything, manyProbes(), scrapeSize},
		{"idle: resident memory", "MB", 30, everything, setting{}, resident},
		{"idle: CPU", "% of a core", 0.5, everything, setting{}, cpuShare},
		{"binary", "MB", 45, "", setting{}, ""},
	}
}

// figure returns what a recording has for a budget.
func (b budget) figure(r recording) (spread, bool) {
	if b.name == "" {
		return spread{r.Binary, r.Binary, r.Binary}, true
	}
	return r.figure(b.at, b.program, b.name)
}
