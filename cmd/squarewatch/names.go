package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"squarewatch/alert"
)

// names returns what a shell may complete. It returns none when the file cannot be read or no daemon answers, because a completion cannot
// show an error.
type names func(context.Context) []string

// complete offers names for every argument, except those that the command line already has.
func complete(list names) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		left := slices.DeleteFunc(list(cmd.Context()), func(name string) bool { return slices.Contains(args, name) })
		return left, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeOne offers names for the only argument.
func completeOne(list names) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return list(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFlags offers names for the values of flags.
func completeFlags(cmd *cobra.Command, lists map[string]names) {
	for _, flag := range sortedKeys(lists) {
		list := lists[flag]
		err := cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return list(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
		})
		if err != nil {
			panic(err) // the flag is not defined; any test of a command finds this
		}
	}
}

// words offers fixed words.
func words(list ...string) names { return func(context.Context) []string { return list } }

// oneName requires exactly one argument. The error says what the argument must be.
func oneName(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s wants %s, and got %s", cmd.CommandPath(), what, withNumber(len(args), "argument"))
		}
		return nil
	}
}

// completionLimit is how long a shell waits for a daemon.
const completionLimit = 2 * time.Second

// probeNames returns the probes of the file.
func (f *configFile) probeNames(ctx context.Context) []string {
	cfg, err := f.read(ctx)
	if err != nil {
		return nil
	}
	return probeNames(cfg.Probes)
}

// notifierNames returns the notifiers of the file.
func (f *configFile) notifierNames(ctx context.Context) []string {
	cfg, err := f.read(ctx)
	if err != nil {
		return nil
	}
	return sortedKeys(cfg.Notifiers)
}

// ruleNames returns the rules of the file and the built-in ones.
func (f *configFile) ruleNames(ctx context.Context) []string {
	cfg, err := f.read(ctx)
	if err != nil {
		return nil
	}
	list := make([]string, 0, len(cfg.Rules)+4)
	for i := range cfg.Rules {
		list = append(list, cfg.Rules[i].Name)
	}
	return append(list, alert.AccessRule, alert.NoDataRule, alert.NetworkRule, alert.WatcherRule)
}

// seriesNames returns the series that the rules of the file have.
func (f *configFile) seriesNames(ctx context.Context) []string {
	cfg, err := f.read(ctx)
	if err != nil {
		return nil
	}
	var list []string
	for i := range cfg.Rules {
		for k := range cfg.Probes {
			if cfg.Rules[i].Watches(cfg.Probes[k].Name) {
				list = append(list, cfg.Rules[i].SeriesOf(&cfg.Probes[k]))
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// silenceIDs returns the silences of the running daemon.
func (f *configFile) silenceIDs(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, completionLimit)
	defer cancel()
	var silences []alert.Silence
	if f.ask(ctx, http.MethodGet, "/api/v1/silences", nil, &silences) != nil {
		return nil
	}
	ids := make([]string, 0, len(silences))
	for i := range silences {
		ids = append(ids, silences[i].ID)
	}
	return ids
}
