package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"squarewatch/alert"
	"squarewatch/config/setting"
)

func newSilenceCommand(file *configFile) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "silence",
		Short: "Mute rules or probes until a time",
		Long: "Mute rules or probes until a time, in the running daemon. Probing, recording and evaluation continue, and a silence\n" +
			"survives a restart. When it ends, people are notified of incidents that fire then, and one message lists those that ended.",
	}
	cmd.AddCommand(newSilenceAdd(file), newSilenceList(file), newSilenceRemove(file))
	return cmd
}

func newSilenceAdd(file *configFile) *cobra.Command {
	var ask silenceJSON
	var length setting.Duration
	var until string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Mute from now on",
		Long: "Mute from now on the series that --rule, --probe and --series all match, or everything with --all. The daemon refuses names\n" +
			"and globs that match nothing.",
		Example: "  squarewatch silence add --rule server-errors --probe 'feed*' --for 2h --comment 'deployment'\n" +
			"  squarewatch silence add --all --for 2d",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if ask.Until, err = untilOf(time.Duration(length), until, time.Now()); err != nil {
				return usageError{err}
			}
			if err := ask.checkScope(); err != nil {
				return usageError{err}
			}
			return addSilence(cmd, file, ask, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&ask.Rules, "rule", nil, "`name` of a rule, or a glob; every rule when absent")
	flags.StringSliceVar(&ask.Probes, "probe", nil, "`name` of a probe, or a glob: its series in rules per probe; every probe when absent")
	flags.StringSliceVar(&ask.Series, "series", nil, "`name` of a series of any kind, for example a credential; every series when absent")
	flags.BoolVar(&ask.All, "all", false, "mute everything")
	flags.TextVar(&length, "for", setting.Duration(0), "`time` that the silence lasts, for example 2h or 2d")
	flags.StringVar(&until, "until", "", "end at this `clock` time, as 2006-01-02T15:04:05Z07:00 or, for today, 15:04")
	flags.StringVar(&ask.By, "by", "",
		"`name` of the person for whom you silence (default: the user who called sudo); the daemon adds your name")
	flags.StringVar(&ask.Comment, "comment", "", "`text` that says why")
	flags.BoolVar(&asJSON, "json", false, "print the silence as JSON")
	completeFlags(cmd, map[string]names{"rule": file.ruleNames, "probe": file.probeNames, "series": file.seriesNames})
	return cmd
}

// addSilence sends a silence to the running daemon and prints what the daemon stored.
func addSilence(cmd *cobra.Command, file *configFile, ask silenceJSON, asJSON bool) error {
	ask.By = file.person(ask.By)
	var kept keptSilence
	if err := file.ask(cmd.Context(), http.MethodPost, "/api/v1/silences", ask, &kept); err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), kept)
	}
	text := fmt.Sprintf("Silence %s mutes %s until %s.\n", kept.ID, mutes(&kept.Silence), local(kept.Until))
	if kept.NotMuted != "" {
		text += kept.NotMuted + "\n"
	}
	if kept.Warning != "" {
		text += "Warning: " + kept.Warning + "\n"
	}
	_, err := io.WriteString(printable{cmd.OutOrStdout()}, text)
	return err
}

// untilOf returns the end of a silence from --for or --until, of which exactly one must be given.
func untilOf(length time.Duration, until string, now time.Time) (time.Time, error) {
	switch {
	case (length == 0) == (until == ""):
		return time.Time{}, fmt.Errorf("write how long: either --for 2h or --until %s", now.Add(time.Hour).Format(time.RFC3339))
	case length < 0:
		return time.Time{}, fmt.Errorf("--for is %v: write a time above 0", length)
	case length > 0:
		return now.Add(length).Round(0), nil
	}
	if t, err := time.Parse(time.RFC3339, until); err == nil {
		return t, nil
	}
	clock, err := time.ParseInLocation("15:04", until, now.Location())
	if err != nil {
		return time.Time{}, fmt.Errorf("--until is %q: write %s, or a time of day such as 18:00", until, now.Add(time.Hour).Format(time.RFC3339))
	}
	t := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), 0, 0, now.Location())
	if !t.After(now) {
		t = t.AddDate(0, 0, 1)
	}
	return t, nil
}

// mutingJSON is what silence list --json prints.
type mutingJSON struct {
	Silences    []alert.Silence `json:"silences"`
	Maintenance []alert.Silence `json:"maintenance"` // that mutes messages now
}

func newSilenceList(file *configFile) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show what is muted",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := file.reach(cmd.Context())
			if err != nil {
				return err
			}
			muted := mutingJSON{Silences: []alert.Silence{}, Maintenance: []alert.Silence{}}
			client := newClient(cfg)
			if err := client.ask(cmd.Context(), http.MethodGet, "/api/v1/silences", nil, &muted.Silences); err != nil {
				return err
			}
			if err := client.ask(cmd.Context(), http.MethodGet, "/api/v1/maintenance", nil, &muted.Maintenance); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), muted)
			}
			d := file.process.display()
			return d.write(muting(d, muted.Silences, muted.Maintenance))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// muting says what mutes messages now: maintenance of the file, and silences.
func muting(d display, silences, maintenance []alert.Silence) string {
	var out strings.Builder
	for i := range maintenance {
		m := &maintenance[i]
		name := strings.TrimPrefix(m.ID, "maintenance ")
		out.WriteString(d.line(fmt.Sprintf("Maintenance %s mutes %s until %s.", name, mutes(m), local(m.Until)), ""))
	}
	switch {
	case len(silences) > 0:
		t := d.table("id", "mutes", "until", "by", "comment")
		for i := range silences {
			t.add(silences[i].ID, mutes(&silences[i]), local(silences[i].Until), silences[i].By, silences[i].Comment)
		}
		out.WriteString(t.String())
	case len(maintenance) > 0:
		out.WriteString("There are no silences.\n")
	default:
		out.WriteString("Nothing is silenced.\n")
	}
	return out.String()
}

func newSilenceRemove(file *configFile) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "remove ID",
		Short:             "End a silence",
		Args:              oneName("the ID of a silence; squarewatch silence list shows them"),
		ValidArgsFunction: completeOne(file.silenceIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := file.ask(cmd.Context(), http.MethodDelete, "/api/v1/silences/"+url.PathEscape(args[0]), nil, nil); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]string{"removed": args[0]})
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "Silence %s is over.\n", args[0])
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// mutes describes in a few words what a silence mutes.
func mutes(s *alert.Silence) string {
	var parts []string
	for _, part := range []struct {
		name  string
		globs []string
	}{{"rule", s.Rules}, {"probe", s.Probes}, {"series", s.Series}} {
		if len(part.globs) > 0 {
			parts = append(parts, part.name+" "+strings.Join(part.globs, ", "))
		}
	}
	if len(parts) == 0 {
		return "everything"
	}
	return strings.Join(parts, " of ")
}

// local shows a time in the reader's time zone.
func local(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }
