package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"squarewatch/alert"

	"github.com/cenkalti/backoff/v5"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

var _ alert.Listener = (*Notifier)(nil)

// Listen hears what people answer, in Socket Mode, until ctx ends: buttons under messages, and the command /squarewatch. Without an
// app token there is nothing to hear, and it returns at once. It connects again for ever, but for what only a person can mend.
func (n *Notifier) Listen(ctx context.Context, desk alert.Desk) error {
	if n.settings.AppToken.IsZero() {
		return nil
	}
	const longest = time.Minute
	waits := &backoff.ExponentialBackOff{InitialInterval: time.Second, Multiplier: 2, MaxInterval: longest, RandomizationFactor: 0.5}
	waits.Reset()
	for {
		err := n.converse(ctx, desk, waits.Reset)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // we were asked to stop
		case needsAPerson(err):
			return fmt.Errorf("listen to Slack: %w; write the app's present app-level token, xapp-…, with the scope connections:write, into app_token, and turn Socket Mode on", err)
		}
		pause := time.NewTimer(waits.NextBackOff())
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C:
		}
	}
}

// needsAPerson reports whether Slack refuses the app token for good.
func needsAPerson(err error) bool {
	refusal, ok := errors.AsType[slack.SlackErrorResponse](err)
	return ok && slices.Contains([]string{
		"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope", "not_allowed_token_type", "forbidden_team", "no_permission",
	}, refusal.Err)
}

// converse listens over one connection, and over those that Slack asks to be made anew, until it breaks.
func (n *Notifier) converse(ctx context.Context, desk alert.Desk, connected func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silent := log.New(io.Discard, "", 0) // the library writes tokens into its debugging
	options := []slack.Option{
		slack.OptionHTTPClient(&n.client), slack.OptionAppLevelToken(n.settings.AppToken.Reveal()), slack.OptionLog(silent),
	}
	if n.settings.APIURL != "" {
		options = append(options, slack.OptionAPIURL(strings.TrimSuffix(n.settings.APIURL, "/")+"/"))
	}
	client := socketmode.New(slack.New(n.settings.BotToken.Reveal(), options...), socketmode.OptionLog(silent))
	ended := make(chan error, 1)
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() {
		defer cancel()
		ended <- client.RunContext(ctx)
	})
	for {
		select {
		case err := <-ended:
			return err
		case event := <-client.Events:
			switch event.Type { //nolint:exhaustive // the others are of the connection, or nothing we asked for
			case socketmode.EventTypeConnected:
				connected()
			case socketmode.EventTypeConnectionError:
				if trouble, ok := event.Data.(*slack.ConnectionErrorEvent); ok && needsAPerson(trouble.ErrorObj) {
					cancel()
					return trouble.ErrorObj
				}
			case socketmode.EventTypeInvalidAuth:
				cancel()
				return slack.SlackErrorResponse{Err: "invalid_auth"}
			case socketmode.EventTypeInteractive, socketmode.EventTypeSlashCommand:
				n.answerEvent(ctx, client, event, desk)
			}
		}
	}
}

// answerEvent acknowledges an envelope, does what it asks for, and answers the person.
func (n *Notifier) answerEvent(ctx context.Context, client *socketmode.Client, event socketmode.Event, desk alert.Desk) {
	if event.Request == nil {
		return
	}
	switch data := event.Data.(type) {
	case slack.SlashCommand:
		_ = client.AckCtx(ctx, event.Request.EnvelopeID, slash(data.Text, desk.Overview()))
	case slack.InteractionCallback:
		_ = client.AckCtx(ctx, event.Request.EnvelopeID, nil) // within three seconds, whatever the work takes
		if trouble := press(&data, desk); trouble != "" {
			n.whisper(ctx, data.ResponseURL, trouble)
		}
	default:
		_ = client.AckCtx(ctx, event.Request.EnvelopeID, nil)
	}
}

// whisper tells something to one person alone. That it fails is no loss: the person sees that nothing changed.
func (n *Notifier) whisper(ctx context.Context, address, text string) {
	if !isAddress(address) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	body, err := json.Marshal(ephemeral(text))
	if err != nil {
		return
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := n.client.Do(request)
	if err == nil {
		_ = response.Body.Close()
	}
}

// ephemeral is a message that one person sees, and nobody else.
func ephemeral(text string) map[string]any {
	return map[string]any{"response_type": "ephemeral", "replace_original": false, "text": text}
}
