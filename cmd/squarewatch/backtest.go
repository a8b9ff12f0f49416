package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"squarewatch/alert"
	"squarewatch/config"
	"squarewatch/probe"
	"squarewatch/probe/database"
	"squarewatch/probe/history"
)

func newBacktestCommand(file *configFile) *cobra.Command {
	var since time.Duration
	var rules, from string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "backtest",
		Short: "Show what rules would have told people, by the stored history",
		Long: "Run the very alert engine of the daemon over the runs that it has stored, or over a file of results, and print what people\n" +
			"would have been told, when, and for each rule how often it would have fired and for how long. Nobody is told anything.\n" +
			"--from reads a JSON object a line, as squarewatch probe --json writes them.",
		Example: "  squarewatch backtest --since 24h\n  squarewatch backtest --since 72h --rules stricter.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := file.load(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if rules != "" {
				if cfg, err = cfg.WithRules(rules); err != nil {
					return err
				}
				printWarnings(cmd.ErrOrStderr(), cfg)
			}
			if since <= 0 {
				return usageError{fmt.Errorf("--since is %v: write a time above 0, for example 24h", since)}
			}
			source, done, err := newSource(cmd.Context(), cfg, from, since, time.Now())
			if err != nil {
				return err
			}
			defer done()
			report, err := backtest(cfg, source)
			if err != nil {
				return err
			}
			if asJSON {
				return report.printJSON(cmd.OutOrStdout())
			}
			return report.print(cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&since, "since", 24*time.Hour, "how far back to `go`")
	flags.StringVar(&rules, "rules", "", "`file` with other rules: (and maintenance:) than the configuration's")
	flags.StringVar(&from, "from", "", "`file` of results, a JSON object a line; - for standard input")
	flags.BoolVar(&asJSON, "json", false, "print a JSON object a message")
	return cmd
}

// source is what a backtest goes through.
type source struct {
	runs  iter.Seq2[*probe.Result, error]
	gaps  []history.Gap
	until time.Time // zero for the last run
}

// newSource opens the stored history, or a file of results. The returned function closes it.
func newSource(ctx context.Context, cfg *config.Config, from string, since time.Duration, now time.Time) (source, func(), error) {
	if from != "" {
		return fileSource(from)
	}
	if cfg.StateDir == "" {
		return source{}, nil, errors.New("there is no history: state_dir is none; set it, or name a file with --from")
	}
	db, err := database.OpenReadOnly(ctx, databasePath(cfg))
	if err != nil {
		return source{}, nil, err
	}
	store, begin := history.ReadStore(db), now.Add(-since)
	gaps, err := store.Gaps(ctx, begin, now)
	if err != nil {
		_ = db.Close()
		return source{}, nil, err
	}
	return source{runs: store.Runs(ctx, begin, now), gaps: gaps, until: now}, func() { _ = db.Close() }, nil
}

func fileSource(path string) (source, func(), error) {
	if path == "-" {
		return source{runs: readResults(os.Stdin)}, func() {}, nil
	}
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return source{}, nil, fmt.Errorf("read results: %w", err)
	}
	return source{runs: readResults(file)}, func() { _ = file.Close() }, nil
}

// backtestReport is what would have happened.
type backtestReport struct {
	first, last time.Time
	runs        int
	unknown     map[string]int // runs of probes that the configuration does not have
	changes     []alert.Transition
	rules       []string
	open        []alert.Incident // firing at the end
}

// backtest lets an engine of the configuration see what was.
func backtest(cfg *config.Config, s source) (*backtestReport, error) {
	engine, err := newEngine(cfg, nil)
	if err != nil {
		return nil, err
	}
	report := &backtestReport{unknown: map[string]int{}}
	for i := range cfg.Rules {
		report.rules = append(report.rules, cfg.Rules[i].Name)
	}
	names := probeNames(cfg.Probes)
	gaps := s.gaps
	for r, err := range s.runs {
		if err != nil {
			return nil, err
		}
		if report.runs == 0 {
			report.first = r.End
			engine.Resume(r.End)
		}
		for len(gaps) > 0 && !r.End.Before(gaps[0].Until) {
			report.tell(engine.Advance(gaps[0].From))
			engine.Resume(gaps[0].Until) // nobody watched until then
			gaps = gaps[1:]
		}
		if !slices.Contains(names, r.Probe) {
			report.unknown[r.Probe]++
		}
		report.runs++
		report.last = r.End
		report.tell(engine.Observe(r))
	}
	if s.until.After(report.last) && report.runs > 0 {
		report.last = s.until
	}
	if report.runs > 0 {
		report.tell(engine.Advance(report.last))
	}
	report.open = engine.Incidents()
	return report, nil
}

// tell keeps what people would have been told.
func (b *backtestReport) tell(changes []alert.Transition) {
	for _, t := range changes {
		if !t.Muted && !t.Reannounced {
			b.changes = append(b.changes, t)
		}
	}
}

// printJSON prints a line a message.
func (b *backtestReport) printJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	for i := range b.changes {
		t := &b.changes[i]
		if err := encoder.Encode(struct {
			At     time.Time   `json:"at"`
			State  alert.Event `json:"state"`
			Rule   string      `json:"rule"`
			Series string      `json:"series"`
			Rate   float64     `json:"rate"`
			Runs   int         `json:"runs"`
		}{t.At.UTC(), t.Event, t.Incident.Rule, t.Incident.Series, float64(t.Incident.Rate), t.Incident.Runs}); err != nil {
			return err
		}
	}
	return nil
}

func (b *backtestReport) print(w io.Writer) error {
	if b.runs == 0 {
		_, err := fmt.Fprintln(w, "There are no runs in that time.")
		return err
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d runs from %s to %s.\n", b.runs, local(b.first), local(b.last))
	for name, runs := range b.unknown {
		fmt.Fprintf(&out, "%d runs of %s are left out: the configuration has no such probe.\n", runs, name)
	}
	messages := newTable("at", "message", "rule", "series", "rate", "severity")
	for i := range b.changes {
		t := &b.changes[i]
		messages.AppendRow(table.Row{
			local(t.At), strings.ToUpper(string(t.Event)), t.Incident.Rule, t.Incident.Series,
			fmt.Sprintf("%v (%d of %d)", t.Incident.Rate, t.Incident.Bad, t.Incident.Runs), t.Incident.Severity,
		})
	}
	if len(b.changes) == 0 {
		out.WriteString("Nobody would have been told anything.\n")
	} else {
		out.WriteString(messages.Render() + "\n")
	}
	rules := newTable("rule", "fired", "for", "longest", "fires still")
	for _, s := range b.sums() {
		rules.AppendRow(table.Row{s.rule, s.fired, s.total.Round(time.Second), s.longest.Round(time.Second), s.open})
	}
	out.WriteString(rules.Render() + "\n")
	_, err := io.WriteString(w, out.String())
	return err
}

// ruleSum is how often a rule fired, and for how long.
type ruleSum struct {
	rule           string
	fired, open    int
	total, longest time.Duration
}

// sums adds up what each rule did: those of the file in their order, then built-in ones that had something to say.
func (b *backtestReport) sums() []ruleSum {
	order := slices.Clone(b.rules)
	sums := map[string]*ruleSum{}
	of := func(rule string) *ruleSum {
		if sums[rule] == nil {
			sums[rule] = &ruleSum{rule: rule}
			if !slices.Contains(order, rule) {
				order = append(order, rule)
			}
		}
		return sums[rule]
	}
	for _, rule := range b.rules {
		of(rule)
	}
	began := map[[2]string]time.Time{}
	lasted := func(rule string, d time.Duration) {
		s := of(rule)
		s.total += d
		s.longest = max(s.longest, d)
	}
	for i := range b.changes {
		t := &b.changes[i]
		key := [2]string{t.Incident.Rule, t.Incident.Series}
		switch t.Event {
		case alert.EventFiring:
			of(t.Incident.Rule).fired++
			began[key] = t.At
		case alert.EventResolved, alert.EventEnded:
			if begin, ok := began[key]; ok {
				lasted(t.Incident.Rule, t.At.Sub(begin))
				delete(began, key)
			}
		case alert.EventUpdate, alert.EventTest:
		}
	}
	for key, begin := range began {
		lasted(key[0], b.last.Sub(begin))
		of(key[0]).open++
	}
	list := make([]ruleSum, 0, len(order))
	for _, rule := range order {
		list = append(list, *sums[rule])
	}
	return list
}
