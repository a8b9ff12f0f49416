// Command squarewatch watches the AISquare Studio API: it calls endpoints on a schedule, records every answer as
// OpenTelemetry spans and metrics, and tells Slack when a rate of bad answers crosses a threshold, and when it is over.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/spf13/cobra"
)

func main() {
	hangups := make(chan os.Signal, 1) // one that comes before the daemon is ready is not lost, and does not end the process
	signal.Notify(hangups, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	status := run(ctx, process{
		args:      os.Args[1:],
		env:       os.LookupEnv,
		stdout:    os.Stdout,
		stderr:    os.Stderr,
		isJournal: writesToJournal(),
		reloads:   hangups,
		hangUp: func() {
			signal.Reset(syscall.SIGHUP)
			if len(hangups) > 0 {
				_ = syscall.Kill(os.Getpid(), syscall.SIGHUP)
			}
		},
		adopt: adoptComplaints,
	})
	stop()
	os.Exit(status)
}

// process is what a command sees of the process it runs in.
type process struct {
	args           []string
	env            func(string) (string, bool)
	stdout, stderr io.Writer
	isJournal      bool               // stderr leads to the journal, which reads priorities
	reloads        <-chan os.Signal   // SIGHUP, from the first line of main on
	hangUp         func()             // lets SIGHUP end the process again, as it does for every command but run; may be nil
	adopt          func(*slog.Logger) // makes it the logger of the whole process; may be nil
}

// Exit statuses.
const (
	exitGood    = 0
	exitBadNews = 1 // a probe unexpected, a file invalid
	exitUsage   = 2
	exitNobody  = 3 // no daemon answers
	// exitConfig is EX_CONFIG (https://man.freebsd.org/cgi/man.cgi?sysexits): the daemon cannot start with its file, and a restart would not
	// help. The unit names it in RestartPreventExitStatus.
	exitConfig = 78
)

// noDaemonError means that no daemon answers.
type noDaemonError struct{ error }

// configError means that the daemon cannot start with its configuration.
type configError struct{ error }

// errBadNews ends a command with exitBadNews when the news is already printed.
var errBadNews = errors.New("bad news")

// usageError is a fault of the command line that only the command itself can see.
type usageError struct{ error }

func isUsage(err error) bool {
	_, ok := errors.AsType[usageError](err)
	return ok
}

// run executes one command line and returns the exit status.
func run(ctx context.Context, p process) int {
	understood := false // the command line; what fails later is news, not usage
	root := newRoot(p)  //nolint:contextcheck // each command gets the context when it runs
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		understood = true
		if cmd.Name() != runCommand && p.hangUp != nil {
			p.hangUp()
		}
	}
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitGood
	case errors.Is(err, errBadNews):
		return exitBadNews
	case understood && !isUsage(err):
		p.printError(err)
		return statusOf(err)
	}
	p.printError(err)
	_, _ = fmt.Fprintln(p.stderr, "Run 'squarewatch help' for the commands and their flags.")
	return exitUsage
}

// statusOf returns the exit status for an error of a command that was understood.
func statusOf(err error) int {
	if _, ok := errors.AsType[noDaemonError](err); ok {
		return exitNobody
	}
	if _, ok := errors.AsType[configError](err); ok {
		return exitConfig
	}
	return exitBadNews
}

// printError prints each line of an error as one of ours. In the journal it has the priority of an error, as sd-daemon(3) has it.
func (p process) printError(err error) {
	prefix := ""
	if p.isJournal {
		prefix = fmt.Sprintf("<%d>", journal.PriErr)
	}
	for line := range strings.Lines(err.Error()) {
		_, _ = fmt.Fprintln(p.stderr, prefix+"squarewatch: "+strings.TrimSuffix(line, "\n"))
	}
}

func newRoot(p process) *cobra.Command {
	root := &cobra.Command{
		Use:           "squarewatch",
		Short:         "Watches the AISquare Studio API and tells Slack when it misbehaves",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetArgs(p.args)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	file := &configFile{process: p}
	root.PersistentFlags().StringVar(&file.flag, "config", "",
		"configuration `file` (default $SQUAREWATCH_CONFIG, then "+defaultConfigPath+")")
	root.AddCommand(
		newRunCommand(p, file),
		newCheckCommand(file),
		newProbeCommand(file),
		newNotifyCommand(file),
		newDemoCommand(),
		newStatusCommand(file),
		newSilenceCommand(file),
		newReloadCommand(file),
		newBacktestCommand(file),
		newRulesCommand(file),
		newVersionCommand(),
	)
	return root
}
