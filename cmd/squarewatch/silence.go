package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"squarewatch/alert"
	"squarewatch/config/setting"
)

func newSilenceCommand(file *configFile) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "silence",
		Short: "Mute rules or probes until a time",
		Long: "Mute rules or probes until a time, in the running daemon. Probing, recording and evaluation continue, and a silence\n" +
			"survives a restart. When it ends, incidents that fire then are notified, and one message lists announced incidents that are over.",
	}
	cmd.AddCommand(newSilenceAdd(file), newSilenceList(file), newSilenceRemove(file))
	return cmd
}

func newSilenceAdd(file *configFile) *cobra.Command {
	var ask silenceJSON
	var length setting.Duration
	var until string
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
			return addSilence(cmd, file, ask)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&ask.Rules, "rule", nil, "`name` of a rule, or a glob; every rule when absent")
	flags.StringSliceVar(&ask.Probes, "probe", nil, "`name` of a probe, or a glob: its series in rules per probe; every probe when absent")
	flags.StringSliceVar(&ask.Series, "series", nil, "`name` of a series of any kind, such as a credential; every series when absent")
	flags.BoolVar(&ask.All, "all", false, "mute everything")
	flags.TextVar(&length, "for", setting.Duration(0), "`duration` of the silence, for example 2h or 2d")
	flags.StringVar(&until, "until", "", "end at this `time`, as 2006-01-02T15:04:05Z07:00 or, for today, 15:04")
	flags.StringVar(&ask.By, "by", "", "`name` of the person for whom you silence (default: the user of sudo); the daemon adds your own")
	flags.StringVar(&ask.Comment, "comment", "", "why")
	return cmd
}

// addSilence sends a silence to the running daemon and prints what the daemon stored.
func addSilence(cmd *cobra.Command, file *configFile, ask silenceJSON) error {
	cfg, err := file.reach(cmd.Context())
	if err != nil {
		return err
	}
	if ask.By == "" {
		ask.By, _ = file.process.env("SUDO_USER") // the daemon identifies the user of this process itself
	}
	var kept keptSilence
	if err := newClient(cfg).ask(cmd.Context(), http.MethodPost, "/api/v1/silences", ask, &kept); err != nil {
		return err
	}
	text := fmt.Sprintf("Silence %s mutes %s until %s.\n", kept.ID, mutes(&kept.Silence), local(kept.Until))
	if kept.Note != "" {
		text += kept.Note + "\n"
	}
	if kept.Warning != "" {
		text += "Warning: " + kept.Warning + "\n"
	}
	_, err = io.WriteString(printable{cmd.OutOrStdout()}, text)
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

func newSilenceList(file *configFile) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Show what is muted",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := file.reach(cmd.Context())
			if err != nil {
				return err
			}
			var silences, maintenance []alert.Silence
			client := newClient(cfg)
			if err := client.ask(cmd.Context(), http.MethodGet, "/api/v1/silences", nil, &silences); err != nil {
				return err
			}
			if err := client.ask(cmd.Context(), http.MethodGet, "/api/v1/maintenance", nil, &maintenance); err != nil {
				return err
			}
			return printMuting(printable{cmd.OutOrStdout()}, silences, maintenance)
		},
	}
}

// printMuting says what mutes messages now: maintenance of the file, and silences.
func printMuting(w io.Writer, silences, maintenance []alert.Silence) error {
	for i := range maintenance {
		m := &maintenance[i]
		name := strings.TrimPrefix(m.ID, "maintenance ")
		if _, err := fmt.Fprintf(w, "Maintenance %s mutes %s until %s.\n", name, mutes(m), local(m.Until)); err != nil {
			return err
		}
	}
	switch {
	case len(silences) > 0:
		return printSilences(w, silences)
	case len(maintenance) > 0:
		_, err := fmt.Fprintln(w, "There are no silences.")
		return err
	}
	_, err := fmt.Fprintln(w, "Nothing is silenced.")
	return err
}

func printSilences(w io.Writer, all []alert.Silence) error {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"id", "mutes", "until", "by", "comment"})
	for i := range all {
		t.AppendRow(table.Row{all[i].ID, mutes(&all[i]), local(all[i].Until), all[i].By, all[i].Comment})
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

func newSilenceRemove(file *configFile) *cobra.Command {
	return &cobra.Command{
		Use:   "remove ID",
		Short: "End a silence",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := file.reach(cmd.Context())
			if err != nil {
				return err
			}
			if err := newClient(cfg).ask(cmd.Context(), http.MethodDelete, "/api/v1/silences/"+url.PathEscape(args[0]), nil, nil); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Silence %s is over.\n", args[0])
			return err
		},
	}
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
