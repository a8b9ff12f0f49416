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

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	status := run(ctx, process{
		args:   os.Args[1:],
		env:    os.LookupEnv,
		stdout: os.Stdout,
		stderr: os.Stderr,
		reload: func() <-chan os.Signal {
			signals := make(chan os.Signal, 1)
			signal.Notify(signals, syscall.SIGHUP)
			return signals
		},
		adopt: redirectStandardLog,
	})
	stop()
	os.Exit(status)
}

// process is the environment of a command.
type process struct {
	args           []string
	env            func(string) (string, bool)
	stdout, stderr io.Writer
	reload         func() <-chan os.Signal // subscribes to SIGHUP, which ends the process before that
	adopt          func(*slog.Logger)      // makes it the logger of the whole process; may be nil
}

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // for example a probe is unexpected, or a file is invalid
	exitUsage  = 2
)

// errPrinted ends a command with exitFailed when the reason is already printed.
var errPrinted = errors.New("failed; the reason is printed")

// usageError is a fault of the command line that cobra does not find.
type usageError struct{ error }

func isUsage(err error) bool {
	_, ok := errors.AsType[usageError](err)
	return ok
}

// run executes one command line and returns the exit status.
func run(ctx context.Context, p process) int {
	parsed := false    // after the command line is parsed, an error is not one of usage
	root := newRoot(p) //nolint:contextcheck // each command gets the context when it runs
	root.PersistentPreRun = func(*cobra.Command, []string) { parsed = true }
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errPrinted):
		return exitFailed
	case parsed && !isUsage(err):
		printError(p.stderr, err)
		return exitFailed
	}
	printError(p.stderr, err)
	_, _ = fmt.Fprintln(p.stderr, "Run 'squarewatch help' for the commands and their flags.")
	return exitUsage
}

// printError prints each line of an error with the program's name. An error may quote foreign text.
func printError(w io.Writer, err error) {
	w = printable{w}
	for line := range strings.Lines(err.Error()) {
		_, _ = fmt.Fprintln(w, "squarewatch: "+strings.TrimSuffix(line, "\n"))
	}
}

func newRoot(p process) *cobra.Command {
	root := &cobra.Command{
		Use:           "squarewatch",
		Short:         "Watches the AISquare Studio API and alerts Slack when it misbehaves",
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
		newBacktestCommand(file),
		newRulesCommand(file),
		newVersionCommand(),
	)
	return root
}
