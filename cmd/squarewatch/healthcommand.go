package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"squarewatch/config"
)

func newHealthCommand(file *configFile) *cobra.Command {
	address := ""
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Say whether the running daemon itself works",
		Long: "Say whether probing, evaluation, delivery and storage of the running daemon work. Firing incidents do not\n" +
			"matter. This is the health check of the container. The exit status is 1 with the reason when a part does not work, and 3 when no\n" +
			"daemon answers.",
		Example: "  squarewatch health\n" +
			"  squarewatch health --address 127.0.0.1:9477",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg := &config.Config{}
			if cfg.Listen = address; address == "" {
				var err error
				if cfg, err = file.reach(cmd.Context()); err != nil {
					return err
				}
			}
			if err := newClient(cfg).ask(cmd.Context(), http.MethodGet, healthyPath, nil, nil); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), healthyText)
			return err
		},
	}
	cmd.Flags().StringVar(&address, "address", address, "`address` of the daemon, in place of listen in the file")
	return cmd
}
