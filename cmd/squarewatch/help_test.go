package main

import (
	"slices"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestPlaceholdersSayWhatToWrite checks that the help names the value of every flag, and not by a type of Go.
func TestPlaceholdersSayWhatToWrite(t *testing.T) {
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			name, _ := pflag.UnquoteUsage(f)
			if f.Value.Type() != "bool" && slices.Contains([]string{"", "value", "go", "for", f.Value.Type(), "strings"}, name) {
				t.Errorf("%s --%s: the help says %q for its value: write a placeholder in backquotes", cmd.CommandPath(), f.Name, name)
			}
		})
		if cmd.Short == "" || cmd.HasSubCommands() == (cmd.RunE != nil) && cmd.Name() != "help" {
			t.Errorf("%s: want a short help, and either subcommands or an action", cmd.CommandPath())
		}
		for _, below := range cmd.Commands() {
			check(below)
		}
	}
	check(newRoot(process{}))
}
