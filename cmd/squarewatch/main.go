// Command squarewatch watches the AISquare Studio API. It calls endpoints on a schedule and records every answer as OpenTelemetry spans and
// metrics. It notifies people when the rate of bad answers crosses a threshold, and again when the incident ends.
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
	_ "time/tzdata" // for the time zones of schedules on a machine without a tz database

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/spf13/cobra"
)

func main() {
	hangups := make(chan os.Signal, 1) // keeps a SIGHUP that comes before the daemon is ready; it must not end the process
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
	isJournal      bool               // stderr is the journal, which reads priorities
	reloads        <-chan os.Signal   // SIGHUP, from the first line of main
	hangUp         func()             // lets SIGHUP end the process again, as for every command except run; may be nil
	adopt          func(*slog.Logger) // makes a logger the logger of the whole process; may be nil
}

// Exit statuses.
const (
	exitOK       = 0
	exitFailed   = 1 // for example a probe is unexpected, or a file is invalid
	exitUsage    = 2
	exitNoDaemon = 3 // no daemon answers
	// exitConfig is EX_CONFIG (https://man.freebsd.org/cgi/man.cgi?sysexits): the daemon cannot start with its file, and a restart would not
	// help. The unit names it in RestartPreventExitStatus.
	exitConfig = 78
)

// noDaemonError means that no daemon answers.
type noDaemonError struct{ error }

// configError means that the daemon cannot start with its configuration.
type configError struct{ error }

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
	parsed := false    // errors after parsing are not usage errors, except usageError
	root := newRoot(p) //nolint:contextcheck // each command gets the context when it runs
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		parsed = true
		if cmd.Name() != runCommand && p.hangUp != nil {
			p.hangUp()
		}
	}
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errPrinted):
		return exitFailed
	case parsed && !isUsage(err):
		p.printError(err)
		return statusOf(err)
	}
	p.printError(err)
	_, _ = fmt.Fprintln(p.stderr, "Run 'squarewatch help' for the commands and their flags.")
	return exitUsage
}

// statusOf returns the exit status for an error that is not a usage error.
func statusOf(err error) int {
	if _, ok := errors.AsType[noDaemonError](err); ok {
		return exitNoDaemon
	}
	if _, ok := errors.AsType[configError](err); ok {
		return exitConfig
	}
	return exitFailed
}

// printError prints each line of an error with the program's name. An error may quote foreign text. In the journal it has the priority of
// an error; see sd-daemon(3).
func (p process) printError(err error) {
	prefix, w := "", printable{p.stderr}
	if p.isJournal {
		prefix = fmt.Sprintf("<%d>", journal.PriErr)
	}
	for line := range strings.Lines(err.Error()) {
		_, _ = fmt.Fprintln(w, prefix+"squarewatch: "+strings.TrimSuffix(line, "\n"))
	}
}

func newRoot(p process) *cobra.Command {
	root := &cobra.Command{
		Use:           "squarewatch",
		Short:         "Watches the AISquare Studio API and notifies people when it fails",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       versionLine(),
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().BoolP("version", "v", false, "print version, commit and Go version")
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetArgs(p.args)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	file := &configFile{process: p}
	root.PersistentFlags().StringVar(&file.flag, "config", "",
		"configuration `file` (default $SQUAREWATCH_CONFIG, then "+defaultConfigPath+")")
	root.AddCommand(
		newRunCommand(p, file),
		newInitCommand(file),
		newCheckCommand(file),
		newProbeCommand(file),
		newNotifyCommand(file),
		newDemoCommand(p),
		newStatusCommand(file),
		newHealthCommand(file),
		newAcknowledgeCommand(file),
		newSilenceCommand(file),
		newReloadCommand(file),
		newBacktestCommand(file),
		newCopyCommand(file),
		newRulesCommand(file),
		newReportCommand(file),
		newImportCommand(),
		newVersionCommand(),
		newCompletionCommand(),
	)
	return root
}
