package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"squarewatch/config/golden"
)

// TestTheCommandsOfTheDocs compares docs/commands.md with what each command says of itself.
func TestTheCommandsOfTheDocs(t *testing.T) {
	golden.CheckSection(t, "../../docs/commands.md", "commands", describeCommands(newRoot(process{})), *update)
}

// describeCommands returns Markdown about the commands below one, and those below them.
func describeCommands(parent *cobra.Command) string {
	var page strings.Builder
	for _, command := range parent.Commands() {
		switch {
		case !command.IsAvailableCommand() || command.Name() == "help":
		case command.HasAvailableSubCommands():
			page.WriteString(describeCommands(command))
		default:
			page.WriteString(describeCommand(command))
		}
	}
	return page.String()
}

func describeCommand(command *cobra.Command) string {
	text := command.Long
	if text == "" {
		text = command.Short
	}
	if text = strings.TrimSpace(text); !strings.HasSuffix(text, ".") {
		text += "."
	}
	page := "## " + strings.TrimPrefix(command.CommandPath(), "squarewatch ") + "\n\n" + text + "\n\n```\n" + command.UseLine() + "\n"
	if flags := command.LocalNonPersistentFlags().FlagUsages(); flags != "" {
		page += "\n" + flags
	}
	page += "```\n\n"
	if command.HasExample() {
		page += "For example:\n\n```\n" + command.Example + "\n```\n\n"
	}
	return page
}
