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
// may be repeated without anybody noticing, and then tells the change in its thread.
func (n *Notifier) deliverAsBot(ctx context.Context, note *alert.Notification) (ref string, failure *alert.DeliveryError) {
	channel, ts, known := strings.Cut(note.Ref, "/")
	if !known {
		return n.begin(ctx, note)
	}
	now := present(note)
	a := n.send(n.lasting(&now), func(text string, blocks []slack.Block) *answer { return n.update(ctx, channel, ts, text, blocks) })
	if a.failure() == nil {
		a = n.reply(ctx, note, channel, ts)
	}
	if a.isGone() {
		return n.begin(ctx, &now)
	}
	return note.Ref, a.failure()
}

// begin posts a message of its own.
func (n *Notifier) begin(ctx context.Context, note *alert.Notification) (ref string, failure *alert.DeliveryError) {
	a := n.send(n.lasting(note), func(text string, blocks []slack.Block) *answer {
		return n.post(ctx, n.settings.Channel, text, blocks)
	})
	return a.ref, a.failure()
}

// lasting is the one message that stands for an incident from its beginning to its end, and after.
func (n *Notifier) lasting(note *alert.Notification) Message {
	return view{n: note, incident: &note.Incident, options: n.options, alone: true}.message()
}

// reply tells a change in the thread of its message. Slack tells nobody that a message changed, so what is over, and what
// fires again, is shown in the channel too.
func (n *Notifier) reply(ctx context.Context, note *alert.Notification, channel, ts string) *answer {
	options := []slack.MsgOption{slack.MsgOptionTS(ts)}
	if note.Event.Ends() || note.Event == alert.EventFiring {
		options = append(options, slack.MsgOptionBroadcast())
	}
	return n.post(ctx, channel, change(note, n.options), nil, options...)
}

// change tells in words what a notification tells, without what the message above shows anyway.
func change(note *alert.Notification, options Options) string {
	v := view{n: note, incident: &note.Incident, options: options}
	lines := []string{textOf(note)}
	if !acknowledgedNow(note) { // else the first line says it
		lines = append(lines, v.acknowledged()...)
	}
	lines = append(lines, v.remarks()...)
	if also := others(note.Others); also != "" {
		lines = append(lines, also)
	}
	return strings.Join(lines, "\n")
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
	if len(firing) == 0 && now.Incident.Ended() {
		now.Event = alert.EventEnded
	}
	return now
}

// isGone reports whether the message that was to be changed or answered no longer can be: it was deleted, or its channel is
// not the bot's any more, while the configuration may name another one.
func (a *answer) isGone() bool {
	switch a.word {
	case "message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found", "cannot_reply_to_message",
		"channel_not_found", "not_in_channel", "is_archived", "is_inactive":
		return a.api && !a.ok
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
