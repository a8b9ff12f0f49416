package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"squarewatch/alert/outbox"
	"squarewatch/config"
	"squarewatch/config/setting"
	"squarewatch/probe/history"
)

func newReportCommand(file *configFile) *cobra.Command {
	since := setting.Duration(30 * 24 * time.Hour)
	var asJSON, markdown bool
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Show availability, missed runs and incidents, from the stored history",
		Long: "Show the availability of each probe in a period, missed runs, error budgets and incidents. For each incident, show how long\n" +
			"runs were bad and how long it fired. The period begins at a full hour. Missed runs count neither as good nor as bad.\n" +
			"The history goes back as far as retention.rollups.",
		Example: "  squarewatch report --since 7d\n  squarewatch report --since 90d --markdown > quarter.md",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case since <= 0:
				return usageError{fmt.Errorf("--since is %v: write a time above 0, for example 24h or 7d", since)}
			case asJSON && markdown:
				return usageError{errors.New("--json and --markdown are both set: leave out one of them")}
			}
			cfg, err := file.load(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			now := time.Now()
			report, err := readReport(cmd.Context(), cfg, now.Add(-time.Duration(since)), now)
			if err != nil {
				return err
			}
			d := file.process.display()
			switch {
			case asJSON:
				return writeJSON(d.out, report)
			case markdown:
				return d.write(report.markdown())
			}
			return d.write(report.text(d))
		},
	}
	flags := cmd.Flags()
	flags.TextVar(&since, "since", since, "`time` to go back, for example 24h or 7d")
	flags.BoolVar(&asJSON, "json", false, "print JSON; durations are in seconds")
	flags.BoolVar(&markdown, "markdown", false, "print Markdown, for a wiki or an issue")
	return cmd
}

// readReport reads the stored history, or a copy of it while a daemon has it open.
func readReport(ctx context.Context, cfg *config.Config, since, until time.Time) (*periodReport, error) {
	if cfg.StateDir == "" {
		return nil, errors.New("there is no history: state_dir is none")
	}
	db, end, err := readHistory(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer end()
	return newPeriodReport(ctx, cfg, history.ReadStore(db), outbox.ReadStore(db), since, until)
}
