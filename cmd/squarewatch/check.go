package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"squarewatch/alert"
	"squarewatch/config"
	"squarewatch/config/setting"
	"squarewatch/probe"
)

func newCheckCommand(file *configFile) *cobra.Command {
	var effective, asJSON, live, schema bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Validate the configuration file, without the network or with --live",
		Long: "Validate the configuration file and everything that is built from it. All errors are shown at once.\n" +
			"Without --live, nothing is sent over the network. With --live, the command resolves and connects to the target, uses every\n" +
			"credential once, and asks collector, notifiers, heartbeat and connectivity. It posts no message and sends no ping. The exit\n" +
			"status is 1 when the file is invalid, or when --live finds something that cannot work.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if effective && (asJSON || live) {
				return usageError{errors.New("--print writes the file itself: leave out --json and --live")}
			}
			if schema {
				return writeSchema(cmd.OutOrStdout())
			}
			if asJSON {
				return checkAsJSON(cmd.Context(), file, live)
			}
			cfg, err := file.load(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := buildable(cfg); err != nil {
				return err
			}
			if effective {
				return config.Print(cmd.OutOrStdout(), cfg)
			}
			return printCheck(cmd.Context(), file, cfg, live)
		},
	}
	cmd.Flags().BoolVar(&effective, "print", false, "print the effective configuration, secrets hidden")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&live, "live", false, "also ask every service that the file names; posts nothing")
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON schema of the file, for editors, and check nothing")
	return cmd
}

// printCheck describes a valid file. With live, it also asks the services that the file names.
func printCheck(ctx context.Context, file *configFile, cfg *config.Config, live bool) error {
	d := file.process.display()
	if err := d.write(checkText(d, file.path(), cfg)); err != nil || !live {
		return err
	}
	return printLive(d, checkLive(ctx, cfg))
}

// writeSchema writes the schema of the file.
func writeSchema(w io.Writer) error {
	schema, err := config.Schema(kinds())
	if err != nil {
		return err
	}
	_, err = w.Write(schema)
	return err
}

// buildable returns why a daemon could not be built from the configuration. It starts nothing.
func buildable(cfg *config.Config) error {
	if err := cfg.Telemetry.OTLP.Check(os.Getenv); err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	destinations, err := newDestinations(cfg)
	if err != nil {
		return err
	}
	if err := canReport(cfg, destinations); err != nil {
		return err
	}
	if _, err := newEngine(cfg, nil, nil); err != nil {
		return err
	}
	runner, _, err := newJobs(cfg, cfg.AllProbes, probe.RunnerOptions{})
	if err != nil {
		return err
	}
	runner.Close()
	return nil
}

// checkText describes a valid file.
func checkText(d display, path string, cfg *config.Config) string {
	columns := []string{"probe", "schedule", "request", "credential", "expects"}
	if d.isNarrow() {
		columns = columns[:3]
	}
	t := d.table(columns...)
	for _, p := range cfg.Probes {
		cells := []any{p.Name, p.Schedule, p.Method + " " + p.Template(), p.Credential, expects(p)}
		t.add(cells[:len(columns)]...)
	}
	var out strings.Builder
	out.WriteString(t.String())
	for _, remark := range remarks(cfg) {
		out.WriteString(d.line(remark, ""))
	}
	out.WriteString(d.line(fmt.Sprintf("%s is valid. Probes: %d, rules: %d, notifiers: %d, credentials: %d.", path,
		len(cfg.Probes), len(cfg.Rules), len(cfg.Notifiers), len(cfg.Credentials)), ""))
	return out.String()
}

// remarks returns sentences about the effects of a valid file.
func remarks(cfg *config.Config) []string {
	list := []string{"notifies: " + notifierList(cfg), expectedSize(cfg, time.Now())}
	if fault := unwritable(cfg.StateDir); fault != "" {
		list = append(list, fault)
	}
	if elsewhere := cfg.Elsewhere(); len(elsewhere) > 0 {
		list = append(list, fmt.Sprintf("Not run at %s, because of their locations: %s.", cfg.Location, config.Shortened(elsewhere)))
	}
	return append(list, limitsOfRules(cfg)...)
}

// expectedSize describes how large the database becomes.
func expectedSize(cfg *config.Config, now time.Time) string {
	if cfg.StateDir == "" {
		return "A restart loses incidents, silences and history: state_dir is none."
	}
	perDay := make([]float64, 0, len(cfg.Probes))
	for i := range cfg.Probes {
		perDay = append(perDay, runsPerDay(cfg.Probes[i].Schedule, now))
	}
	limit := "set retention.size to limit it"
	if cfg.Retention.Size > 0 {
		limit = "retention.size limits it to " + cfg.Retention.Size.String()
	}
	return fmt.Sprintf("The history needs about %s in %s (single runs and minutes for %s, hours for %s); %s.",
		cfg.Retention.Estimate(perDay), cfg.StateDir, setting.Duration(cfg.Retention.Runs), setting.Duration(cfg.Retention.Rollups), limit)
}

// runsPerDay returns how many runs a schedule has in a day, computed from its next runs.
func runsPerDay(schedule probe.Schedule, now time.Time) float64 {
	const samples = 100
	const day = 24 * time.Hour
	first := schedule.Next(now)
	last, runs := first, 0
	for runs < samples {
		next := schedule.Next(last)
		if next.IsZero() {
			break
		}
		last = next
		runs++
	}
	if !last.After(first) {
		return 1
	}
	return float64(runs) * float64(day) / float64(last.Sub(first))
}

// limitsOfRules describes for which probes a rule counts bad runs in a row, and which answers raise no alert. It leaves out server errors
// and 401, which have warnings already.
func limitsOfRules(cfg *config.Config) []string {
	var lines []string
	for i := range cfg.Rules {
		rule := &cfg.Rules[i]
		var rare []string
		for k := range cfg.Probes {
			if rule.Watches(cfg.Probes[k].Name) && rule.Rarely(&cfg.Probes[k]) {
				rare = append(rare, cfg.Probes[k].Name)
			}
		}
		if len(rare) > 0 {
			lines = append(lines, fmt.Sprintf("%s evaluates the streak and not the rate of %s, which never run %d times in its window. "+
				"It fires at %d bad runs in a row.", rule.Name, config.Shortened(rare), rule.MinRuns, rule.Streak))
		}
	}
	for _, group := range alert.NotCounted(cfg.Rules, cfg.Probes, "2xx", "3xx", "400", "403", "404", "429", "client_error", "transport") {
		probes := config.Shortened(group.Probes)
		if len(group.Probes) == len(cfg.Probes) {
			probes = "any probe"
		}
		lines = append(lines, fmt.Sprintf("No rule counts these unexpected answers of %s: %s. They are recorded and raise no alert.",
			probes, strings.Join(group.Outcomes, ", ")))
	}
	return lines
}

// expects describes in a few words what a probe expects.
func expects(p probe.Probe) string {
	text := "2xx"
	for i, s := range p.Expect.Status {
		if i == 0 {
			text = s.String()
			continue
		}
		text += " or " + s.String()
	}
	if p.Expect.JSON != "" {
		text += " with " + p.Expect.JSON
	}
	if p.Expect.Latency > 0 {
		text += " within " + p.Expect.Latency.Round(time.Millisecond).String()
	}
	if p.Guards != "" {
		text += ", guards " + string(p.Guards)
	}
	return text
}

// printWarnings prints the warnings about a valid file.
func (p process) printWarnings(w io.Writer, cfg *config.Config) {
	d := p.displayOn(w)
	_ = d.write(warningsText(d, cfg)) // if that fails, the warnings are lost
}

// warningsText describes likely mistakes in a valid file, and the built-in probes that are left out.
func warningsText(d display, cfg *config.Config) string {
	var out strings.Builder
	for _, warning := range cfg.Warnings {
		out.WriteString(d.line("warning: "+warning.String(), "  "))
	}
	for _, left := range cfg.Skipped {
		out.WriteString(d.line(fmt.Sprintf("left out: catalogue probe %s %s", left.Name, left.Reason), "  "))
	}
	return out.String()
}

func probeNames(probes []probe.Probe) []string {
	names := make([]string, 0, len(probes))
	for _, p := range probes {
		names = append(names, p.Name)
	}
	return names
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
