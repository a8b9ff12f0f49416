package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"squarewatch/config"
	"squarewatch/probe"
)

func newProbeCommand(file *configFile) *cobra.Command {
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "probe [NAME...]",
		Short: "Run probes once and show each result",
		Long: "Run all probes, or the named ones, once. The command raises no alert and keeps no state. Unexpected results come first.\n" +
			"More than 20 healthy results are only counted; --all lists them. A terminal shows the progress.\n" +
			"The exit status is 1 when a result is unexpected.",
		ValidArgsFunction: complete(file.probeNames),
		RunE: func(cmd *cobra.Command, names []string) error {
			cfg, err := file.load(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			probes, err := chooseProbes(cfg, names)
			if err != nil {
				return err
			}
			show := newRunCounter(file.process, len(probes))
			results, err := probeOnce(cmd.Context(), cfg, probes, show.finished)
			show.clear()
			if err != nil {
				return err
			}
			return report(file.process.display(), results, asJSON, all || len(names) > 0)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object per probe and line")
	cmd.Flags().BoolVarP(&all, "all", "a", false, "list every healthy probe, also when there are many")
	return cmd
}

// chooseProbes returns the named probes in the order of the command line. Without names it returns all probes that run on this host.
func chooseProbes(cfg *config.Config, names []string) ([]probe.Probe, error) {
	if len(names) == 0 {
		return cfg.Probes, nil
	}
	all := cfg.AllProbes
	var chosen []probe.Probe
	var faults []error
	for _, name := range names {
		i := slices.IndexFunc(all, func(p probe.Probe) bool { return p.Name == name })
		if i < 0 {
			faults = append(faults, fmt.Errorf("no probe is named %q: %s", name, config.Suggest(name, probeNames(all))))
			continue
		}
		if p := &all[i]; !p.RunsAt(cfg.Location) {
			faults = append(faults, fmt.Errorf("%s does not run at %s, because of its locations (%s): run this command at one of them",
				name, cfg.Location, strings.Join(p.Locations, ", ")))
			continue
		}
		chosen = append(chosen, all[i])
	}
	if len(faults) > 0 {
		return nil, usageError{errors.Join(faults...)}
	}
	return chosen, nil
}

// onceConcurrency is how many probes `squarewatch probe` runs at the same time.
const onceConcurrency = 8

// probeOnce runs each probe once and returns the results in the order of the probes. It sends spans to the file's collector, if there is
// one, so that the printed trace identifiers can be looked up. It calls finished after each run. These calls may overlap.
func probeOnce(
	ctx context.Context, cfg *config.Config, probes []probe.Probe, finished func(*probe.Result),
) ([]*probe.Result, error) {
	telemetry, err := newTelemetry(ctx, cfg, "", discardLogger()) // the daemon owns the spool
	if err != nil {
		return nil, err
	}
	defer func() { _ = flush(ctx, telemetry.Shutdown) }() // the results are valid without a collector
	telemetry.Recorder().KeepHealthy(1)
	runner, jobs, err := newJobs(cfg, probes, probe.RunnerOptions{Identifiers: telemetry.Recorder()})
	if err != nil {
		return nil, err
	}
	defer runner.Close()
	defer context.AfterFunc(ctx, runner.CancelRenewals)()
	results := make([]*probe.Result, len(jobs))
	slots := make(chan struct{}, onceConcurrency)
	var runs sync.WaitGroup
	for i, job := range jobs {
		slots <- struct{}{}
		runs.Go(func() {
			defer func() { <-slots }()
			results[i] = job.Run(ctx, time.Now())
			telemetry.Recorder().Finished(results[i]) //nolint:contextcheck // a sink takes no context
			finished(results[i])
		})
	}
	runs.Wait()
	return results, context.Cause(ctx)
}

// report prints the results and returns errPrinted when one is unexpected.
func report(d display, results []*probe.Result, asJSON, all bool) error {
	if asJSON {
		encoder := json.NewEncoder(d.out)
		for _, r := range results {
			if err := encoder.Encode(newResultLine(r)); err != nil {
				return err
			}
		}
	} else if err := d.write(drawResults(d, results, all)); err != nil {
		return err
	}
	if slices.ContainsFunc(results, func(r *probe.Result) bool { return !r.Expected }) {
		return errPrinted
	}
	return nil
}

// resultLine is one line of `probe --json`; durations are in seconds.
type resultLine struct {
	At         time.Time                   `json:"at"`
	Probe      string                      `json:"probe"`
	Class      probe.Class                 `json:"class"`
	Code       int                         `json:"code"`
	Expected   bool                        `json:"expected"`
	Reason     string                      `json:"reason"`
	Blame      probe.Blame                 `json:"blame"`
	Credential string                      `json:"credential"`
	Attempts   int                         `json:"attempts"`
	Duration   float64                     `json:"duration"`
	Phases     map[probe.PhaseKind]float64 `json:"phases"`
	TraceID    string                      `json:"trace_id"`
	Evidence   []probe.Evidence            `json:"evidence,omitempty"`
	Advice     string                      `json:"settle,omitempty"`
}

func newResultLine(r *probe.Result) resultLine {
	line := resultLine{
		At:    r.End.UTC(),
		Probe: r.Probe, Class: r.Class, Code: r.Code, Expected: r.Expected, Reason: r.Reason, Blame: r.Blame, Credential: r.Credential,
		Attempts: len(r.Attempts), Duration: r.Latency().Seconds(), TraceID: r.Trace.String(),
		Evidence: r.Evidence, Advice: r.Advice,
		Phases: map[probe.PhaseKind]float64{},
	}
	try := r.FirstTry()
	for i := range try {
		for _, p := range try[i].Phases {
			line.Phases[p.Kind] += p.End.Sub(p.Start).Seconds()
		}
	}
	return line
}
