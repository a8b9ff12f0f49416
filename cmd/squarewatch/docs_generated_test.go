package main

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"squarewatch/config/golden"
	"squarewatch/probe"
	"squarewatch/probe/catalogue"
)

// TestTheCommandsOfTheDocs compares docs/commands.md with what each command says of itself.
func TestTheCommandsOfTheDocs(t *testing.T) {
	golden.CheckSection(t, "../../docs/commands.md", "commands", describeCommands(newRoot(process{})), *update)
}

// TestTheExamplesOfTheDocs compares the files that docs/configuration.md shows with docs/examples.
func TestTheExamplesOfTheDocs(t *testing.T) {
	for _, name := range []string{"smallest", "everything"} {
		text, err := os.ReadFile("../../docs/examples/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "# yaml-language-server: $schema=") {
			t.Errorf("%s: want a first line that leads an editor to the schema", name)
		}
		golden.CheckSection(t, "../../docs/configuration.md", name, "```yaml\n"+string(text)+"```\n", *update)
	}
}

// describeCommands returns Markdown about all commands below parent.
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

// TestEveryClassAndBuiltInProbeIsInTheDocs checks that docs/probes.md names each class of an answer and each built-in probe.
func TestEveryClassAndBuiltInProbeIsInTheDocs(t *testing.T) {
	page := docPages(t)["docs/probes.md"]
	builtIn, _, err := catalogue.Probes(catalogue.Options{Studio: "s", Credential: "c"})
	if err != nil || len(builtIn) < 5 {
		t.Fatalf("want the built-in probes, got %d and %v", len(builtIn), err)
	}
	for i := range builtIn {
		if !strings.Contains(page, "| `"+builtIn[i].Name+"` |") {
			t.Errorf("the table of built-in probes has no line for %s", builtIn[i].Name)
		}
	}
	for _, class := range probe.Classes() {
		if !strings.Contains(page, "`"+class.String()+"`") {
			t.Errorf("the page does not name the class %s", class)
		}
	}
}
