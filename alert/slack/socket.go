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
	"github.com/gorilla/websocket"
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
	waits := &backoff.ExponentialBackOff{InitialInterval: 250 * time.Millisecond, Multiplier: 2, MaxInterval: longest, RandomizationFactor: 0.5}
	waits.Reset()
	for {
		begun := time.Now()
		err := n.converse(ctx, desk)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // we were asked to stop
		case needsAPerson(err):
			return fmt.Errorf("listen to Slack: %w; write the app's present app-level token, xapp-…, with the scope connections:write, into app_token, and turn Socket Mode on", err)
		case time.Since(begun) > longest: // one that breaks at once again is no success
			waits.Reset()
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

const (
	frameLimit = 1 << 20 // bytes of one frame; Slack's are of some kilobytes
	atOnce     = 16      // people who are answered at the same time
)

var errBroken = errors.New("the connection broke, or Slack asked to make it anew")

// converse listens over one connection until it breaks. It is Listen that makes the next one: the library makes it at once, even
// when each breaks at once.
func (n *Notifier) converse(ctx context.Context, desk alert.Desk) error {
	ctx, cancel := context.WithCancel(ctx)
	client := n.socket()
	ended := make(chan error, 1)
	slots := make(chan struct{}, atOnce)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { ended <- client.RunContext(ctx) })
	for {
		select {
		case err := <-ended:
			return err
		case event := <-client.Events:
			if err := endOf(event); err != nil {
				return err
			}
			if event.Type != socketmode.EventTypeInteractive && event.Type != socketmode.EventTypeSlashCommand {
				continue
			}
			if work := n.acknowledge(ctx, client, event, desk); work != nil {
				running.Go(func() { inTurn(ctx, slots, work) })
			}
		}
	}
}

// inTurn does work when one of the slots is free, unless ctx ends first. Every answer ends by attemptLimit.
func inTurn(ctx context.Context, slots chan struct{}, work func()) {
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
		work()
	case <-ctx.Done():
	}
}

// socket returns a client of Socket Mode that has not connected.
func (n *Notifier) socket() *socketmode.Client {
	silent := log.New(io.Discard, "", 0) // the library writes tokens into its debugging
	web := n.client
	web.Timeout = attemptLimit
	options := []slack.Option{
		slack.OptionHTTPClient(&web), slack.OptionAppLevelToken(n.settings.AppToken.Reveal()), slack.OptionLog(silent),
	}
	if n.settings.APIURL != "" {
		options = append(options, slack.OptionAPIURL(strings.TrimSuffix(n.settings.APIURL, "/")+"/"))
	}
	return socketmode.New(slack.New(n.settings.BotToken.Reveal(), options...),
		socketmode.OptionLog(silent), socketmode.OptionReadLimit(frameLimit), socketmode.OptionDialer(n.dialer()))
}

// dialer opens the connection of Socket Mode the way that the notifier's requests go.
func (n *Notifier) dialer() *websocket.Dialer {
	d := &websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, HandshakeTimeout: attemptLimit,
		WriteBufferSize: 32 << 10, // Slack does not take an answer in several frames
	}
	if transport, ok := n.client.Transport.(*http.Transport); ok {
		d.Proxy, d.NetDialContext = transport.Proxy, transport.DialContext
	}
	return d
}

// endOf returns why a connection is to be given up after an event; nil when it goes on.
func endOf(event socketmode.Event) error {
	switch data := event.Data.(type) {
	case *slack.ConnectingEvent:
		if data.ConnectionCount > 0 {
			return errBroken
		}
	case *slack.ConnectionErrorEvent:
		if needsAPerson(data.ErrorObj) {
			return data.ErrorObj
		}
	}
	return nil
}

// acknowledge tells Slack that an envelope has arrived, which it wants to know within three seconds, and returns the work
// that it asks for; nil for none.
func (n *Notifier) acknowledge(ctx context.Context, client *socketmode.Client, event socketmode.Event, desk alert.Desk) (work func()) {
	if event.Request == nil {
		return nil
	}
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	switch data := event.Data.(type) {
	case slack.SlashCommand:
		_ = client.AckCtx(ctx, event.Request.EnvelopeID, slash(data.Text, desk.Overview()))
		return nil
	case slack.InteractionCallback:
		work = func() { n.obey(outer, &data, desk) }
	}
	_ = client.AckCtx(ctx, event.Request.EnvelopeID, nil)
	return work
}

// obey does what a button asks for, and tells the person what the message itself will not show.
func (n *Notifier) obey(ctx context.Context, data *slack.InteractionCallback, desk alert.Desk) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	if trouble := press(data, desk); trouble != "" {
		n.whisper(ctx, data.ResponseURL, trouble)
	}
}

// whisper tells something to one person alone. That it fails is no loss: the person sees that nothing changed.
func (n *Notifier) whisper(ctx context.Context, address, text string) {
	if !isAddress(address) {
		return
	}
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
