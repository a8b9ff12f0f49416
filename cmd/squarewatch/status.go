package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"squarewatch/alert"
	"squarewatch/config/setting"
)

func newStatusCommand(file *configFile) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the state of the running daemon",
		Long: "Show the state of the running daemon: probes, rates and thresholds, undelivered messages, silences.\n" +
			"The exit status is 1 when something fires, and 3 when no daemon answers. It needs none of the secrets in the file.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := file.reach(cmd.Context())
			if err != nil {
				return err
			}
			var s statusJSON
			if err := newClient(cfg).ask(cmd.Context(), http.MethodGet, "/api/v1/status", nil, &s); err != nil {
				return err
			}
			if asJSON {
				encoder := json.NewEncoder(printable{cmd.OutOrStdout()})
				encoder.SetIndent("", "  ")
				err = encoder.Encode(s)
			} else {
				err = printStatus(printable{cmd.OutOrStdout()}, &s)
			}
			if err == nil && s.fires() {
				return errPrinted
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (s *statusJSON) fires() bool {
	for i := range s.Alerts {
		if s.Alerts[i].State == string(alert.Firing) {
			return true
		}
	}
	return false
}

func printStatus(w io.Writer, s *statusJSON) error {
	probes := newTable("probe", "schedule", "last answer", "healthy since", "runs", "missed")
	for _, p := range s.Probes {
		probes.AppendRow(table.Row{p.Probe, p.Schedule, lastAnswer(&p), since(p.UpSince), p.Runs, p.Missed})
	}
	alerts := newTable("rule", "series", "state", "rate", "threshold", "runs", "since", "bad runs", "silenced until")
	for _, a := range s.Alerts {
		state := a.State
		switch {
		case a.CoveredBy != "" && a.State == string(alert.Firing):
			state += " with " + a.CoveredBy
		case a.CoveredBy != "":
			state = "covered by " + a.CoveredBy
		}
		alerts.AppendRow(table.Row{
			a.Rule, a.Series, state, setting.Share(a.Rate), setting.Share(a.Threshold), a.Runs, since(a.Since), badRuns(&a), since(a.Silenced),
		})
	}
	notifiers := newTable("notifier", "waiting", "oldest", "last error", "buttons")
	for _, n := range s.Notifiers {
		oldest := time.Duration(n.OldestAge * float64(time.Second)).Round(time.Second)
		notifiers.AppendRow(table.Row{n.Notifier, n.Pending, oldest, n.LastError, n.buttons()})
	}
	if _, err := fmt.Fprintf(w, "%s\n%s\n%s\n", probes.Render(), alerts.Render(), notifiers.Render()); err != nil {
		return err
	}
	if err := printCulprits(w, s.Alerts); err != nil {
		return err
	}
	if s.WatcherFault != "" {
		if _, err := fmt.Fprintln(w, "squarewatch itself is in trouble: "+s.WatcherFault); err != nil {
			return err
		}
	}
	if s.StateFault != "" {
		if _, err := fmt.Fprintln(w, "A restart will lose the state: "+s.StateFault); err != nil {
			return err
		}
	}
	if err := printFaults(w, s); err != nil {
		return err
	}
	return printMuting(w, s.Silences, s.Maintenance)
}

// printCulprits says of each incident whose fault it is, what to do now, and why that is known.
func printCulprits(w io.Writer, alerts []alertJSON) error {
	for i := range alerts {
		a := &alerts[i]
		if a.Fault == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s %s: %s\n", a.Rule, a.Series, a.Fault); err != nil {
			return err
		}
		for _, e := range a.Evidence {
			if _, err := fmt.Fprintf(w, "  Because: %s (%s)\n", e.Text, e.At.Local().Format(time.TimeOnly)); err != nil {
				return err
			}
		}
	}
	return nil
}

// printFaults says what is wrong with squarewatch itself.
func printFaults(w io.Writer, s *statusJSON) error {
	if s.Configuration.Differs != "" {
		_, err := fmt.Fprintf(w, "The configuration of %s runs, and the file differs: %s\n",
			local(s.Configuration.Loaded), s.Configuration.Differs)
		if err != nil {
			return err
		}
	}
	for _, t := range s.Troubles {
		if _, err := fmt.Fprintln(w, "squarewatch does not work as it should: "+t); err != nil {
			return err
		}
	}
	return nil
}

func newTable(columns ...any) table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(columns)
	return t
}

func lastAnswer(p *probeJSON) string {
	switch {
	case p.Runs == 0:
		return "none yet"
	case p.Code == 0:
		return p.Class
	}
	text := strconv.Itoa(p.Code) + " " + p.Class
	if !p.Expected {
		text += ", unexpected"
	}
	return text
}

// badRuns is the number of the incident's bad runs and the time of the last one; empty when nothing fires.
func badRuns(a *alertJSON) string {
	if a.LastBad == nil {
		return ""
	}
	return fmt.Sprintf("%d, last %s", a.BadRuns, a.LastBad.Local().Format(time.TimeOnly))
}

func since(t *time.Time) string {
	if t == nil {
		return ""
	}
	return local(*t)
}
