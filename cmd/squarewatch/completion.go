package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// newCompletionCommand replaces cobra's own command, which answers an unknown shell with its help and exit status 0.
func newCompletionCommand() *cobra.Command {
	shells := map[string]func(*cobra.Command, io.Writer) error{
		"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"zsh":        (*cobra.Command).GenZshCompletion,
		"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
		"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
	}
	known := sortedKeys(shells)
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Write a completion script for bash, fish, powershell or zsh",
		Long: "Write a completion script. It completes commands, flags, and the names of probes, rules, series, notifiers and silences.\n" +
			"bash needs the package bash-completion.",
		Example: "  squarewatch completion bash > /etc/bash_completion.d/squarewatch\n" +
			"  squarewatch completion zsh > \"${fpath[1]}/_squarewatch\"\n" +
			"  squarewatch completion fish > ~/.config/fish/completions/squarewatch.fish",
		Args:              oneName("the name of a shell: " + strings.Join(known, ", ")),
		ValidArgsFunction: completeOne(words(known...)),
		RunE: func(cmd *cobra.Command, args []string) error {
			write, ok := shells[args[0]]
			if !ok {
				return usageError{fmt.Errorf("there is no completion for %q: write one of %s", args[0], strings.Join(known, ", "))}
			}
			return write(cmd.Root(), cmd.OutOrStdout())
		},
	}
}
