package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/config"
)

func newNotifyCommand(file *configFile) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "notify NAME",
		Short: "Send a test message through a notifier",
		Long: "Send one test message through a notifier of the file and show the result.\n" +
			"The exit status is 1 when the message was not accepted.",
		Args:              cobra.MaximumNArgs(1), // without a name, the error lists the names
		ValidArgsFunction: completeOne(file.notifierNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return noNotifierNamed(cmd.Context(), file)
			}
			cfg, err := file.load(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if !asJSON {
				return notifyOnce(cmd.Context(), cmd.OutOrStdout(), cfg, args[0])
			}
			fault := notifyOnce(cmd.Context(), io.Discard, cfg, args[0])
			if isUsage(fault) {
				return fault
			}
			outcome := notifyJSON{Notifier: args[0], Accepted: fault == nil}
			if fault != nil {
				outcome.Error = fault.Error()
			}
			if err := writeJSON(cmd.OutOrStdout(), outcome); err != nil {
				return err
			}
			if fault != nil {
				return errPrinted
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// noNotifierNamed asks for the name of a notifier, and lists the names if the file can be read.
func noNotifierNamed(ctx context.Context, file *configFile) error {
	text := "name the notifier to test"
	if cfg, err := file.read(ctx); err == nil {
		text += ": the file has " + notifierList(cfg)
	}
	return usageError{errors.New(text)}
}

// notifyJSON is what notify --json prints.
type notifyJSON struct {
	Notifier string `json:"notifier"`
	Accepted bool   `json:"accepted"`
	Error    string `json:"error,omitempty"`
}

// notifyLimit is how long `squarewatch notify` waits for an answer.
const notifyLimit = 30 * time.Second

// notifyOnce sends a test message and prints that it was accepted, or returns why it was not.
func notifyOnce(ctx context.Context, w io.Writer, cfg *config.Config, name string) error {
	settings, known := cfg.Notifiers[name]
	if !known {
		return usageError{fmt.Errorf("no notifier is named %q: the file has %s", name, notifierList(cfg))}
	}
	notifier, err := settings.Build(cfg)
	if err != nil {
		return fmt.Errorf("notifier %q: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, notifyLimit)
	defer cancel()
	now := time.Now()
	message := outbox.Notification{ID: fmt.Sprintf("test-%d", now.UnixNano()), Notifier: name, At: now, Event: alert.EventTest}
	if _, err := notifier.Deliver(ctx, message); err != nil {
		return notAccepted(name, settings.Kind, err)
	}
	_, err = fmt.Fprintf(w, "%s: %s accepted it\n", name, destination(settings.Kind))
	return err
}

// notAccepted explains why a message was not accepted and, on a separate line, what to do about it.
func notAccepted(name, kind string, err error) error {
	failure, ok := errors.AsType[*outbox.DeliveryError](err)
	if !ok {
		return fmt.Errorf("%s: %s did not accept it: %w", name, destination(kind), err)
	}
	text := fmt.Sprintf("%s: %s did not accept it (%s): %v", name, destination(kind), failure.Reason, failure.Err)
	switch {
	case failure.Fix != "":
		text += "\n" + name + ": to do: " + failure.Fix
	case failure.RetryAfter > 0:
		text += fmt.Sprintf("\n%s: it asks for no request in the next %v; the daemon would wait and try again", name, failure.RetryAfter)
	default:
		text += "\n" + name + ": the daemon would keep trying; check that it is up and can be reached from this host"
	}
	return errors.New(text)
}

// destination is the name of the service that a kind of notifier sends to.
func destination(kind string) string { return strings.ToUpper(kind[:1]) + kind[1:] }

// notifierList names the notifiers of a configuration with their kinds.
func notifierList(cfg *config.Config) string {
	list := make([]string, 0, len(cfg.Notifiers))
	for _, name := range sortedKeys(cfg.Notifiers) {
		list = append(list, fmt.Sprintf("%s (%s)", name, cfg.Notifiers[name].Kind))
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}
