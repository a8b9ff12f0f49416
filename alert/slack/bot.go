package slack

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"squarewatch/alert"

	"github.com/slack-go/slack"
)

// deliverAsBot posts the first message of an incident. Of a later one it first changes that message to what now holds, which
// may be repeated without anybody noticing, and then tells the change in its thread; an end is shown in the channel too.
func (n *Notifier) deliverAsBot(ctx context.Context, note *alert.Notification) (ref string, failure *alert.DeliveryError) {
	channel, ts, known := strings.Cut(note.Ref, "/")
	if !known {
		return n.begin(ctx, note)
	}
	now := present(note)
	update := n.send(Render(now, n.options), func(text string, blocks []slack.Block) *answer { return n.update(ctx, channel, ts, text, blocks) })
	switch {
	case update != nil && isGone(update):
		return n.begin(ctx, &now)
	case update != nil:
		return "", update
	}
	text := strings.Join(append([]string{Render(*note, n.options).Text}, view{n: note, incident: &note.Incident, options: n.options}.remarks()...), "\n")
	options := []slack.MsgOption{slack.MsgOptionTS(ts)}
	if note.Event == alert.EventResolved {
		options = append(options, slack.MsgOptionBroadcast())
	}
	a := n.post(ctx, channel, text, nil, options...)
	return note.Ref, a.failure()
}

// begin posts a message of its own.
func (n *Notifier) begin(ctx context.Context, note *alert.Notification) (ref string, failure *alert.DeliveryError) {
	failure = n.send(Render(*note, n.options), func(text string, blocks []slack.Block) *answer {
		a := n.post(ctx, n.settings.Channel, text, blocks)
		ref = a.ref
		return a
	})
	if failure != nil {
		return "", failure
	}
	return ref, nil
}

// present is what the message of an incident, and of those that it was told with, has to say now: it fires while any of
// them does.
func present(note *alert.Notification) alert.Notification {
	all := append([]alert.Incident{note.Incident}, note.Others...)
	all = append(all, note.Group...)
	var firing, over []alert.Incident
	for i := range all {
		if all[i].Resolved.IsZero() {
			firing = append(firing, all[i])
		} else {
			over = append(over, all[i])
		}
	}
	now := *note
	now.Event, now.Group = alert.EventResolved, nil
	if len(firing) > 0 {
		now.Event = alert.EventFiring
	}
	all = append(firing, over...)
	now.Incident, now.Others = all[0], all[1:]
	return now
}

// isGone reports whether the message that was to be changed can no longer be.
func isGone(failure *alert.DeliveryError) bool {
	for _, word := range []string{"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"} {
		if strings.Contains(failure.Err.Error(), word) {
			return true
		}
	}
	return false
}

// api returns a client of Slack's web API for one request.
func (n *Notifier) api() (*slack.Client, *keeper) {
	client, keep := n.keeping(true)
	options := []slack.Option{slack.OptionHTTPClient(client)}
	if n.settings.APIURL != "" {
		options = append(options, slack.OptionAPIURL(strings.TrimSuffix(n.settings.APIURL, "/")+"/"))
	}
	return slack.New(n.settings.BotToken.Reveal(), options...), keep
}

// content is what a message shows; whatever would make links or mentions out of plain words is turned off.
func content(text string, blocks []slack.Block) []slack.MsgOption {
	options := []slack.MsgOption{
		slack.MsgOptionText(text, false), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(), slack.MsgOptionParse(false),
	}
	if blocks == nil {
		blocks = []slack.Block{} // an update must take the old ones away
	}
	return append(options, slack.MsgOptionBlocks(blocks...))
}

func (n *Notifier) post(ctx context.Context, channel, text string, blocks []slack.Block, more ...slack.MsgOption) *answer {
	api, keep := n.api()
	_, _, err := api.PostMessageContext(ctx, channel, append(content(text, blocks), more...)...)
	return keep.result(ctx, err)
}

func (n *Notifier) update(ctx context.Context, channel, ts, text string, blocks []slack.Block) *answer {
	api, keep := n.api()
	_, _, _, err := api.UpdateMessageContext(ctx, channel, ts, content(text, blocks)...)
	return keep.result(ctx, err)
}

// readAPI reads an answer of the web API.
func (a *answer) readAPI(body []byte) {
	var said struct {
		OK      bool   `json:"ok"`
		Error   string `json:"error"`
		Needed  string `json:"needed"`
		Channel string `json:"channel"`
		TS      string `json:"ts"`
	}
	a.api = true
	if json.Unmarshal(body, &said) != nil {
		a.strange = a.status == http.StatusOK
		return
	}
	a.ok, a.word, a.needed = said.OK, firstWord([]byte(said.Error)), firstScope(said.Needed)
	if said.OK && said.TS != "" {
		a.ref = said.Channel + "/" + said.TS
	}
}
