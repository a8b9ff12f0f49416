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
		Short: "Show what rules would have told people, by the stored history",
		Long: "Run the very alert engine of the daemon over the runs that it has stored, or over a file of results, and print what people\n" +
			"would have been told, when, and for each rule how often it would have fired and for how long. Nobody is told anything.\n" +
			"Windows are filled with what was stored before --since, as they are in the daemon. Where single runs are no longer kept,\n" +
			"the sums of minutes are used. --from reads a JSON object a line, as squarewatch probe --json writes them.",
		Example: "  squarewatch backtest --since 24h\n  squarewatch backtest --since 72h --rules stricter.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from != "" && cmd.Flags().Changed("since") {
				return usageError{errors.New("--since is for the stored history, and a file is read whole: leave out --since or --from")}
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
				printWarnings(cmd.ErrOrStderr(), cfg)
			}
			report, err := backtestOf(cmd, cfg, from, time.Duration(since))
			if err != nil {
				return err
			}
			return report.write(cmd.OutOrStdout(), asJSON)
		},
	}
	flags := cmd.Flags()
	flags.TextVar(&since, "since", setting.Duration(24*time.Hour), "`duration` to go back, for example 24h or 7d")
	flags.StringVar(&rules, "rules", "", "`file` with other rules: (and maintenance:) than the configuration's")
	flags.StringVar(&from, "from", "", "`file` of results, a JSON object a line; - for standard input")
	flags.BoolVar(&asJSON, "json", false, "print a JSON object a message")
	return cmd
}

// backtestOf runs a backtest of the stored history, or of a file of results, and prints warnings of what they do not tell.
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

// backtestReport is what would have happened.
type backtestReport struct {
	first, last time.Time
	runs        int
	unknown     map[string]int   // runs of probes that the configuration does not have
	already     []alert.Incident // that people know of when the time that is asked for begins
	changes     []alert.Transition
	rules       []string
}

// backtest lets an engine of the configuration see what was.
func backtest(cfg *config.Config, s source) (*backtestReport, error) {
	engine, err := newEngine(cfg, nil)
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
		p.see(r)
	}
	p.end()
	return p.report, nil
}

// replay lets an engine see stored runs in their order: the first only fill its windows, those that follow are judged, and what is told
// after the begin of the source is reported.
type replay struct {
	source

	engine    *alert.Engine
	names     []string // of the probes
	report    *backtestReport
	recalled  bool // some runs were
	judging   bool
	reporting bool
}

// see takes the next run.
func (p *replay) see(r *probe.Result) {
	if !p.judging && !r.End.After(p.filled) {
		p.recalled = true
		p.engine.Recall(r)
		return
	}
	if !p.judging {
		p.judging, p.reporting = true, r.End.After(p.begin) && !p.recalled
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
	p.report.tell(p.engine.Observe(r))
	if !p.reporting {
		return
	}
	if !slices.Contains(p.names, r.Probe) {
		p.report.unknown[r.Probe]++
	}
	p.report.runs++
}

// skipGaps lets the engine know of the times until now in which nobody watched.
func (p *replay) skipGaps(now time.Time) {
	for len(p.gaps) > 0 && !now.Before(p.gaps[0].Until) {
		if p.gaps[0].Until.After(p.filled) {
			p.report.tell(p.engine.Advance(p.gaps[0].From))
			p.engine.Resume(p.gaps[0].Until)
		}
		p.gaps = p.gaps[1:]
	}
}

// beginReport sets aside what was told before the time that is asked for, but for what still fires.
func (p *replay) beginReport() {
	p.report.tell(p.engine.Advance(p.begin))
	told := firing(p.report.changes)
	p.report.already = slices.DeleteFunc(p.engine.Incidents(), func(i alert.Incident) bool { return !told[incidentKey{i.Rule, i.Series}] })
	p.report.changes, p.report.first, p.reporting = nil, p.begin, true
}

// end lets time pass until the end.
func (p *replay) end() {
	if !p.judging {
		return
	}
	if !p.reporting {
		p.beginReport()
	}
	p.report.last = later(p.report.last, p.until)
	p.skipGaps(p.report.last)
	p.report.tell(p.engine.Advance(p.report.last))
}

// incidentKey names a series of a rule.
type incidentKey struct{ rule, series string }

// firing returns what fires after some transitions.
func firing(changes []alert.Transition) map[incidentKey]bool {
	fires := map[incidentKey]bool{}
	for i := range changes {
		key := incidentKey{changes[i].Incident.Rule, changes[i].Incident.Series}
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

// tell keeps what people would have been told.
func (b *backtestReport) tell(changes []alert.Transition) {
	for _, t := range changes {
		if !t.Muted && !t.Reannounced {
			b.changes = append(b.changes, t)
		}
	}
}
