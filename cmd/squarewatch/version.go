package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"squarewatch/alert/outbox"
	"squarewatch/config"
	"squarewatch/probe/history"
)

func newVersionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print version, commit and Go version",
		Long: "Print version, commit and Go version. With --json also the versions of the configuration file's format (file) and of\n" +
			"the tables in the database (alerts, history), which CHANGELOG.md names for each release.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), newVersionJSON())
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionLine())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// versionJSON is what version --json prints.
type versionJSON struct {
	Version  string        `json:"version"`
	Commit   string        `json:"commit"`
	Go       string        `json:"go"`
	File     int           `json:"file"`
	Database schemaVersion `json:"database"`
}

// schemaVersion has the versions of the tables in the database, by the package that owns them.
type schemaVersion struct {
	Alerts  int `json:"alerts"`
	History int `json:"history"`
}

func newVersionJSON() versionJSON {
	version, commit := buildVersion()
	return versionJSON{
		Version: version, Commit: commit, Go: runtime.Version(), File: config.FileVersion,
		Database: schemaVersion{Alerts: outbox.SchemaVersion(), History: history.SchemaVersion()},
	}
}

// versionLine is what the command version and the flag --version print.
func versionLine() string {
	version, commit := buildVersion()
	return fmt.Sprintf("squarewatch %s, commit %s, %s", version, commit, runtime.Version())
}

// buildVersion reads the version that the Go tool wrote into the binary, so that the build needs no linker flags.
func buildVersion() (version, commit string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown", "unknown"
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	commit = cmp.Or(settings["vcs.revision"], "unknown")
	if settings["vcs.modified"] == "true" {
		commit += " (modified)"
	}
	return cmp.Or(info.Main.Version, "unknown"), commit
}
