package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"squarewatch/alert"
	"squarewatch/config"
	"squarewatch/config/setting"
	"squarewatch/probe"
)

func newBacktestCommand(file *configFile) *cobra.Command {
	var since setting.Duration
	var rules, from string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "backtest",
		Short: "Show which messages rules would have sent, from the stored history",
		Long: "Run the daemon's alert engine over the stored runs, or over a file of results, and print which messages it would have sent\n" +
			"and when, and for each rule how often it would have fired and for how long. No message is sent. As in the daemon, runs\n" +
			"from before --since fill the windows. It does not begin before the oldest stored single run:\n" +
			"retention.runs says how long single runs are kept.\n" +
			"--from reads one JSON object per line, as squarewatch probe --json writes them.",
		Example: "  squarewatch backtest --since 24h\n  squarewatch backtest --since 72h --rules stricter.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from != "" && cmd.Flags().Changed("since") {
				return usageError{errors.New("--since applies to the stored history, and --from reads a whole file: leave out one of the two")}
			}
			if since <= 0 {
				return usageError{fmt.Errorf("--since is %v: write a time above 0, for example 24h or 7d", since)}
			}
			cfg, err := file.load(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if rules != "" {
				if cfg, err = cfg.WithRules(rules); err != nil {
					return err
				}
				file.process.printWarnings(cmd.ErrOrStderr(), cfg)
			}
			report, err := backtestOf(cmd, cfg, from, time.Duration(since))
			if err != nil {
				return err
			}
			return report.write(file.process.display(), asJSON)
		},
	}
	flags := cmd.Flags()
	flags.TextVar(&since, "since", setting.Duration(24*time.Hour), "`time` to go back, for example 24h or 7d")
	flags.StringVar(&rules, "rules", "", "`file` whose rules: (and maintenance:) replace those of the configuration")
	flags.StringVar(&from, "from", "", "`file` of results, one JSON object per line; - for standard input")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object per message")
	return cmd
}

// backtestOf runs a backtest of the stored history, or of a file of results. It prints warnings when the results are incomplete.
func backtestOf(cmd *cobra.Command, cfg *config.Config, from string, since time.Duration) (*backtestReport, error) {
	source, done, err := newSource(cmd.Context(), cfg, from, since, time.Now())
	if err != nil {
		return nil, err
	}
	defer done()
	for _, text := range source.shortcomings(cfg.Rules) {
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+text)
	}
	return backtest(cfg, source)
}

// backtestReport is the outcome of a backtest.
type backtestReport struct {
	first, last time.Time
	runs        int
	unknown     map[string]int   // number of runs by probe, for probes that are not in the configuration
	already     []alert.Incident // incidents that already fire when the period begins
	changes     []alert.Transition
	rules       []string
}

// backtest evaluates the runs of a source with the rules of the configuration.
func backtest(cfg *config.Config, s source) (*backtestReport, error) {
	engine, err := newEngine(cfg, nil, nil)
	if err != nil {
		return nil, err
	}
	p := replay{source: s, engine: engine, names: probeNames(cfg.Probes), report: &backtestReport{unknown: map[string]int{}}}
	for i := range cfg.Rules {
		p.report.rules = append(p.report.rules, cfg.Rules[i].Name)
	}
	for r, err := range s.runs {
		if err != nil {
			return nil, err
		}
		p.observe(r)
	}
	p.end()
	return p.report, nil
}

// replay gives stored runs to an engine in order. The first runs only fill the engine's windows. The engine evaluates the runs after them.
// The report has only the transitions of the period.
type replay struct {
	source

	engine     *alert.Engine
	names      []string // of the probes in the configuration
	report     *backtestReport
	recalled   bool // at least one run filled the windows
	evaluating bool // the engine evaluates runs; the windows are filled
	reporting  bool // the period of the report has begun
}

// observe processes the next run.
func (p *replay) observe(r *probe.Result) {
	if !p.evaluating && !r.End.After(p.filled) {
		p.recalled = true
		p.engine.Recall(r)
		return
	}
	if !p.evaluating {
		p.evaluating, p.reporting = true, r.End.After(p.begin) && !p.recalled
		p.report.first = r.End
		if p.recalled {
			p.engine.Resume(p.filled)
		} else {
			p.engine.Resume(r.End)
		}
	}
	p.skipGaps(r.End)
	if !p.reporting && r.End.After(p.begin) {
		p.beginReport()
	}
	p.report.last = r.End
	p.report.add(p.engine.Observe(r))
	if !p.reporting {
		return
	}
	if !slices.Contains(p.names, r.Probe) {
		p.report.unknown[r.Probe]++
	}
	p.report.runs++
}

// skipGaps tells the engine about the times before now in which no daemon ran.
func (p *replay) skipGaps(now time.Time) {
	for len(p.gaps) > 0 && !now.Before(p.gaps[0].Until) {
		if p.gaps[0].Until.After(p.filled) {
			p.report.add(p.engine.Advance(p.gaps[0].From))
			p.engine.Resume(p.gaps[0].Until)
		}
		p.gaps = p.gaps[1:]
	}
}

// beginReport begins the report of the period. It drops earlier transitions, and keeps announced incidents that still fire.
func (p *replay) beginReport() {
	p.report.add(p.engine.Advance(p.begin))
	announced := firing(p.report.changes)
	p.report.already = slices.DeleteFunc(p.engine.Incidents(), func(i alert.Incident) bool {
		return !announced[incidentKey{rule: i.Rule, series: i.Series}]
	})
	p.report.changes, p.report.first, p.reporting = nil, p.begin, true
}

// end advances the engine to the end of the period.
func (p *replay) end() {
	if !p.evaluating {
		return
	}
	if !p.reporting {
		p.beginReport()
	}
	p.report.last = later(p.report.last, p.until)
	p.skipGaps(p.report.last)
	p.report.add(p.engine.Advance(p.report.last))
}

// incidentKey identifies a series of a rule.
type incidentKey struct{ rule, series string }

// firing returns the series that fire after the transitions.
func firing(changes []alert.Transition) map[incidentKey]bool {
	fires := map[incidentKey]bool{}
	for i := range changes {
		key := incidentKey{rule: changes[i].Incident.Rule, series: changes[i].Incident.Series}
		switch changes[i].Event {
		case alert.EventFiring:
			fires[key] = true
		case alert.EventResolved, alert.EventEnded:
			delete(fires, key)
		case alert.EventUpdate, alert.EventTest:
		}
	}
	return fires
}

// add keeps the transitions that would have become messages.
func (b *backtestReport) add(changes []alert.Transition) {
	for _, t := range changes {
		if !t.Muted && !t.Reannounced {
			b.changes = append(b.changes, t)
		}
	}
}
