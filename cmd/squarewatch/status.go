package main

import (
	"context"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"squarewatch/alert"
)

func newStatusCommand(file *configFile) *cobra.Command {
	var asJSON, watch, all bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the state of the running daemon",
		Long: "Show the state of the running daemon. First come firing incidents: since when, whose fault and what to do. Then come\n" +
			"possible culprits, probes that are not healthy, undelivered messages and silences. Healthy probes and rules that do not\n" +
			"fire are only counted; --all lists them, and says since when each API key is in use.\n" +
			"The text fits the terminal. $COLUMNS sets another width, and a pipe has no limit. NO_COLOR turns colours off.\n" +
			"With --watch the text is drawn again every two seconds until Ctrl-C; in a pipe, once for each change.\n" +
			"The exit status is 1 when something fires, and 3 when no daemon answers. The command needs none of the secrets in the file.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := file.reach(cmd.Context())
			if err != nil {
				return err
			}
			client := newClient(cfg)
			view := statusView{display: file.process.display(), all: all, json: asJSON}
			view.ask = func(ctx context.Context) (*statusJSON, error) {
				s := &statusJSON{}
				return s, client.ask(ctx, http.MethodGet, "/api/v1/status", nil, s)
			}
			if watch {
				return view.watch(cmd.Context())
			}
			return view.once(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON; with --watch, one line for each change")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "draw the state again every two seconds until Ctrl-C; in a pipe, once for each change")
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also list healthy probes and rules that do not fire")
	return cmd
}

// statusView shows the state of a daemon.
type statusView struct {
	display

	ask  func(context.Context) (*statusJSON, error)
	all  bool // also what is healthy
	json bool
}

// once shows the state. It returns errPrinted when something fires.
func (v *statusView) once(ctx context.Context) error {
	s, err := v.ask(ctx)
	if err != nil {
		return err
	}
	if v.json {
		err = writeJSON(v.out, s)
	} else {
		err = v.write(v.render(s, time.Now()))
	}
	if err == nil && s.fires() {
		return errPrinted
	}
	return err
}

func (s *statusJSON) fires() bool {
	for i := range s.Alerts {
		if s.Alerts[i].State == string(alert.Firing) {
			return true
		}
	}
	return false
}
