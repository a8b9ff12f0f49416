package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func newReloadCommand(file *configFile) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Make the running daemon read its file again",
		Long: "Make the running daemon read its file again, and wait until the new configuration is in force.\n" +
			"When the daemon refuses the file, the old configuration stays in force, the reasons are printed and the exit status is 1.\n" +
			"The exit status is 3 when no daemon answers.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := file.reach(cmd.Context())
			if err != nil {
				return fmt.Errorf("the file was not reloaded: %w", err)
			}
			if err := newClient(cfg).ask(cmd.Context(), http.MethodPost, "/-/reload", nil, nil); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]string{"status": "reloaded", "file": file.path()})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The configuration of %s is in force.\n", file.path())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
