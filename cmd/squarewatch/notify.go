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
	return &cobra.Command{
		Use:   "notify NAME",
		Short: "Send a test message through a notifier",
		Long: "Send one test message through a notifier of the file and show the result.\n" +
			"The exit status is 1 when the message was not accepted.",
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return file.notifierNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := file.load(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return notifyOnce(cmd.Context(), cmd.OutOrStdout(), cfg, args[0])
		},
	}
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

// notifierNames returns the names for shell completion; none when the file cannot be read.
func (f *configFile) notifierNames() []string {
	cfg, err := f.read()
	if err != nil {
		return nil
	}
	return sortedKeys(cfg.Notifiers)
}
