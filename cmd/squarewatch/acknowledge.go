package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func newAcknowledgeCommand(file *configFile) *cobra.Command {
	var ask pressJSON
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "acknowledge INCIDENT",
		Short: "Acknowledge an incident",
		Long: "Acknowledge a firing incident in the running daemon. Its reminders stop, and its messages name the\n" +
			"person. squarewatch status shows the ID of each incident. The last line of the incident's message shows it too.",
		Example: "  squarewatch acknowledge 4f3a90c1b2d7",
		Args:    oneName("the ID of an incident, which squarewatch status and its message name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ask.Incident, ask.By = args[0], file.person(ask.By)
			var done pressedJSON
			if err := file.ask(cmd.Context(), http.MethodPost, "/api/v1/incidents/acknowledge", ask, &done); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), done)
			}
			_, err := fmt.Fprintf(printable{cmd.OutOrStdout()}, "Incident %s is acknowledged by %s.\n", done.Incident, done.By)
			return err
		},
	}
	cmd.Flags().StringVar(&ask.By, "by", "",
		"`name` of the person who works on it (default: the user who called sudo); the daemon adds your name")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
