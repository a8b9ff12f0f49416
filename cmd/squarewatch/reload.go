package main

import (
	"encoding/hex"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"squarewatch/config"
)

func newReloadCommand(file *configFile) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Make the running daemon read its file again",
		Long: "Make the running daemon read its file again, and wait until the new configuration is in force.\n" +
			"It prints which file the daemon read, and says when the file of this command has another content.\n" +
			"When the daemon refuses the file, the old configuration stays in force, the reasons are printed and the exit status is 1.\n" +
			"The exit status is 3 when no daemon answers.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := file.reach(cmd.Context())
			if err != nil {
				return fmt.Errorf("the file was not reloaded: %w", err)
			}
			var read inForceJSON
			if err := newClient(cfg).ask(cmd.Context(), http.MethodPost, "/-/reload", nil, &read); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), &read)
			}
			_, err = fmt.Fprint(printable{cmd.OutOrStdout()}, read.inWords(cfg))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// shownDigits is how many digits of a file's SHA-256 people see. They are enough to tell two files apart.
const shownDigits = 12

// inWords says which configuration is in force, and whether the file that the command was given has another content.
func (c *inForceJSON) inWords(given *config.Config) string {
	if c.SHA256 == "" { // a daemon of an earlier version
		return "The daemon has reloaded its configuration.\n"
	}
	text := fmt.Sprintf("The configuration of %s is in force, read on %s (SHA-256 %.*s…).\n",
		c.File, c.Loaded.Local().Format("2006-01-02 at 15:04:05"), shownDigits, c.SHA256) //nolint:gosmopolitan // for the person at this machine
	if c.SHA256 != hex.EncodeToString(given.Sum[:]) {
		text += given.File + ", which this command was given, has another content.\n"
	}
	return text
}
