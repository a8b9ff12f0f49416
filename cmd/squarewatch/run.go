package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"squarewatch/config"
	"squarewatch/otel"
)

// runCommand is the name of the command that runs the daemon.
const runCommand = "run"

func newRunCommand(p process, file *configFile) *cobra.Command {
	format, profiles := logText, ""
	cmd := &cobra.Command{
		Use:   runCommand,
		Short: "Run the daemon",
		Long: "Run the daemon in the foreground until SIGTERM or SIGINT. SIGHUP reloads the file; when anything in it is wrong,\n" +
			"the old configuration stays in force. Under systemd the daemon reports when it is ready and feeds the watchdog.\n" +
			"The exit status is 78 when the file or a secret that it names is wrong, so that another start would fail too.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			logger, err := newLogger(cmd.ErrOrStderr(), format)
			if err != nil {
				return err
			}
			otel.ReportFaults(logger)
			if p.adopt != nil {
				p.adopt(logger)
			}
			saveMemory()
			if profiles != "" {
				wait, err := serveProfiles(cmd.Context(), profiles, logger)
				if err != nil {
					return err
				}
				defer wait()
			}
			notifyPath, _ := p.env("NOTIFY_SOCKET")
			d, err := New(cmd.Context(), Options{
				Load:     func() (*config.Config, error) { return file.read(cmd.Context()) },
				Sum:      func() ([sha256.Size]byte, error) { return config.Sum(file.path()) },
				Logger:   logger,
				Notify:   notifySystemd(notifyPath, logger),
				Watchdog: watchdogInterval(),

				RuntimeDirectory: runtimeDirectoryOf(p.env),
			})
			if err != nil {
				return startError(cmd.Context(), err)
			}
			return d.Run(cmd.Context(), p.reloads)
		},
	}
	cmd.Flags().StringVar(&format, "log-format", format, "`format` of the log: text or json")
	completeFlags(cmd, map[string]names{"log-format": words(logText, logJSON)})
	cmd.Flags().StringVar(&profiles, "pprof", profiles, "serve profiles at this loopback `address`, for example 127.0.0.1:6060")
	return cmd
}

// startError returns a [configError] when another start would fail for the same reason. A signal that ends the start is not an error.
func startError(ctx context.Context, err error) error {
	_, wrong := errors.AsType[config.Errors](err)
	_, unread := errors.AsType[*config.FileError](err)
	switch {
	case ctx.Err() != nil:
		return nil //nolint:nilerr // the caller of squarewatch ended the start
	case wrong || unread:
		return configError{err}
	}
	return err
}

// saveMemory lets the heap grow by 40 % between collections instead of 100 %, unless GOGC is set. With thousands of probes nearly the
// whole heap is live, and the extra time is small compared with the requests.
func saveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(40)
	}
}

// watchdogInterval returns the interval in which the service manager expects notifications; 0 for none.
func watchdogInterval() time.Duration {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0
	}
	return interval
}

// runtimeDirectoryOf returns the first directory of the unit's RuntimeDirectory=; see systemd.exec(5).
func runtimeDirectoryOf(env func(string) (string, bool)) string {
	all, _ := env("RUNTIME_DIRECTORY")
	first, _, _ := strings.Cut(all, ":")
	return first
}

func discardLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }

// configFile finds and reads the configuration of a command line.
type configFile struct {
	flag    string
	process process
}

// defaultConfigPath is read when neither the flag nor the environment names a file.
const defaultConfigPath = "/etc/squarewatch/squarewatch.yaml"

func (f *configFile) path() string {
	if f.flag != "" {
		return f.flag
	}
	if path, ok := f.process.env("SQUAREWATCH_CONFIG"); ok && path != "" {
		return path
	}
	return defaultConfigPath
}

// read reads and checks the file. It returns when ctx ends.
func (f *configFile) read(ctx context.Context) (*config.Config, error) {
	directory, _ := f.process.env("CREDENTIALS_DIRECTORY")
	return config.Load(ctx, f.path(), config.Options{Kinds: kinds(), Environ: f.process.env, CredentialsDirectory: directory})
}

// reach reads only the keys that say how to reach the running daemon. Commands that ask the daemon need no secrets, and work while other
// parts of the file are wrong.
func (f *configFile) reach(ctx context.Context) (*config.Config, error) {
	directory, _ := f.process.env("CREDENTIALS_DIRECTORY")
	return config.LoadListener(ctx, f.path(), config.Options{Environ: f.process.env, CredentialsDirectory: directory})
}

// load reads the file and prints its warnings.
func (f *configFile) load(ctx context.Context, warnings io.Writer) (*config.Config, error) {
	cfg, err := f.read(ctx)
	if err != nil {
		return nil, err
	}
	f.process.printWarnings(warnings, cfg)
	return cfg, nil
}
