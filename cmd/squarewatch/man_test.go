package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

var manDirectory = flag.String("man", "", "`directory` for the manual pages; make man sets it")

// TestEveryCommandHasAManualPage writes a page for each command from its help text. The packages contain these pages.
func TestEveryCommandHasAManualPage(t *testing.T) {
	directory := *manDirectory
	if directory == "" {
		directory = t.TempDir()
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	root := newRoot(process{stdout: t.Output(), stderr: t.Output()})
	root.DisableAutoGenTag = true
	header := &doc.GenManHeader{Section: "1", Source: "squarewatch", Manual: "squarewatch"} // the library dates it by SOURCE_DATE_EPOCH
	if err := doc.GenManTree(root, header, directory); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range commandsBelow(root) {
		page, err := os.ReadFile(filepath.Join(directory, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"))
		if err != nil || !strings.Contains(string(page), cmd.Short) {
			t.Errorf("want a page that says %q, got %v\n%s", cmd.Short, err, page)
		}
	}
}

// commandsBelow returns a command and all commands below it, except help, which has no page.
func commandsBelow(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if sub.Name() != "help" {
			all = append(all, commandsBelow(sub)...)
		}
	}
	return all
}
