package main

import (
	"bytes"
	"fmt"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"squarewatch/alert/prometheus"
)

func newRulesCommand(file *configFile) *cobra.Command {
	var format, output string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Write the rules of the file as alerting rules for Prometheus",
		Long: "Write the rules of the configuration file as recording and alerting rules for Prometheus, for a fleet\n" +
			"whose metrics are scraped. Comments say what Prometheus cannot do.",
		Example: "  squarewatch rules --format prometheus -o /etc/prometheus/rules/squarewatch.yml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "prometheus" {
				return usageError{fmt.Errorf("--format is %q: write prometheus, the only format", format)}
			}
			cfg, err := file.load(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := buildable(cfg); err != nil {
				return err
			}
			write := prometheus.Write
			if asJSON {
				write = prometheus.WriteJSON
			}
			var text bytes.Buffer
			err = write(&text, prometheus.Options{
				Rules: cfg.Rules, Probes: cfg.AllProbes, Maintenance: cfg.Maintenance, Target: cfg.Target.Host,
			})
			if err != nil {
				return err
			}
			if output == "" || output == "-" {
				_, err = cmd.OutOrStdout().Write(text.Bytes())
				return err
			}
			return replaceRules(output, text.Bytes())
		},
	}
	cmd.Flags().StringVar(&format, "format", "prometheus", "`name` of the format; prometheus is the only one")
	completeFlags(cmd, map[string]names{"format": words("prometheus")})
	cmd.Flags().StringVarP(&output, "output", "o", "", "`file` to write to; standard output when absent")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, with the comments as notes")
	return cmd
}

// replaceRules replaces a file atomically and makes it readable by all. Prometheus runs as another user and must not read half a file.
func replaceRules(path string, text []byte) error {
	if err := renameio.WriteFile(path, text, 0o644); err != nil {
		return fmt.Errorf("write the rules: %w; use -o with a file that can be written", err)
	}
	return nil
}
