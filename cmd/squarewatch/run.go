package main

import (
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

func newRunCommand(p process, file *configFile) *cobra.Command {
	format, profiles := logText, ""
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon",
		Long: "Run the daemon in the foreground until SIGTERM or SIGINT. SIGHUP reloads the file; when anything in it is wrong,\n" +
			"the old configuration stays in force. Under systemd the daemon reports when it is ready and feeds the watchdog.",
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
				Load:     func() (*config.Config, error) { return file.read() },
				Logger:   logger,
				Notify:   notifySystemd(notifyPath, logger),
				Watchdog: watchdogInterval(),

				RuntimeDirectory: runtimeDirectoryOf(p.env),
			})
			if err != nil {
				return err
			}
			reloads := p.reload()
			return d.Run(cmd.Context(), reloads)
		},
	}
	cmd.Flags().StringVar(&format, "log-format", format, "how to log: `text` or json")
	cmd.Flags().StringVar(&profiles, "pprof", profiles, "serve profiles at this loopback `address`, for example 127.0.0.1:6060")
	return cmd
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

// read reads and checks the file.
func (f *configFile) read() (*config.Config, error) {
	directory, _ := f.process.env("CREDENTIALS_DIRECTORY")
	return config.Load(f.path(), config.Options{Kinds: kinds(), Environ: f.process.env, CredentialsDirectory: directory})
}

// load reads the file and prints its warnings.
func (f *configFile) load(warnings io.Writer) (*config.Config, error) {
	cfg, err := f.read()
	if err != nil {
		return nil, err
	}
	printWarnings(warnings, cfg)
	return cfg, nil
}

// probeNames returns the names for shell completion; none when the file cannot be read.
func (f *configFile) probeNames() []string {
	cfg, err := f.read()
	if err != nil {
		return nil
	}
	return probeNames(cfg.Probes)
}
