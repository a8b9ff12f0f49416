package slack

import (
	"context"
	"strings"

	"squarewatch/alert"
	"squarewatch/alert/outbox"

	"github.com/slack-go/slack"
)

// deliverAsBot posts the first message of an incident. Of a later one it first changes that message to what now holds, which may be
// repeated unnoticed, and then tells the change in its thread.
//
// A message that cannot be changed and a thread that cannot be answered are two faults. A message that cannot be changed would say
// that an incident fires when it is over, so a new one takes its place. Where only the thread is closed, the change is told in the
// channel, and the message stays.
func (n *Notifier) deliverAsBot(ctx context.Context, note *outbox.Notification) (ref string, failure *outbox.DeliveryError) {
	channel, ts, known := strings.Cut(note.Ref, "/")
	if !known {
		return n.begin(ctx, note)
	}
	now := present(note)
	a := n.send(n.lasting(&now), func(text string, blocks []slack.Block) *answer { return n.update(ctx, channel, ts, text, blocks) })
	if a.taken() {
		a = n.reply(ctx, note, channel, ts)
	}
	if a.cannotBeAnswered() {
		a = n.tell(ctx, note, channel)
	}
	if a.cannotBeEdited() {
		return n.begin(ctx, &now)
	}
	return note.Ref, a.failure()
}

// begin posts a message of its own.
func (n *Notifier) begin(ctx context.Context, note *outbox.Notification) (ref string, failure *outbox.DeliveryError) {
	a := n.send(n.lasting(note), func(text string, blocks []slack.Block) *answer {
		return n.post(ctx, n.settings.Channel, text, blocks)
	})
	return a.ref, a.failure()
}

// lasting is the one message that stands for an incident from its beginning to its end, and after.
func (n *Notifier) lasting(note *outbox.Notification) Message {
	return view{n: note, incident: &note.Incident, options: n.options, alone: true}.message()
}

// reply tells a change in the thread of its message. Slack notifies nobody of a changed message, so what is over, and what fires
// again, is shown in the channel too. Where the message was deleted meanwhile, Slack posts the reply outside of any thread.
func (n *Notifier) reply(ctx context.Context, note *outbox.Notification, channel, ts string) *answer {
	options := []slack.MsgOption{slack.MsgOptionTS(ts)}
	if note.Event.Ends() || note.Event == alert.EventFiring {
		options = append(options, slack.MsgOptionBroadcast())
	}
	return n.tell(ctx, note, channel, options...)
}

// tell posts a change in words: in the channel, unless the options name a thread.
func (n *Notifier) tell(ctx context.Context, note *outbox.Notification, channel string, options ...slack.MsgOption) *answer {
	a := n.post(ctx, channel, change(note, n.options), nil, options...)
	if a.refusesForm() {
		a = n.post(ctx, channel, textOf(note), nil, options...)
	}
	return a
}

// change tells in words what a notification tells, without what the message above shows anyway.
func change(note *outbox.Notification, options Options) string {
	v := view{n: note, incident: &note.Incident, options: options}
	lines := []string{textOf(note)}
	if !acknowledgedNow(note) { // else the first line says it
		lines = append(lines, v.acknowledged()...)
	}
	lines = append(lines, v.remarks()...)
	if also := others(note.Others); also != "" {
		lines = append(lines, also)
	}
	return bounded(lines)
}

// present is what the message of an incident, and of those that it was told with, has to say now: it fires while any of
// them does.
func present(note *outbox.Notification) outbox.Notification {
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

// api returns a client of Slack's web API for one request with the bot's token.
func (n *Notifier) api() (*slack.Client, *keeper) { return n.apiWith(doingPost, keyBotToken) }

// apiWith returns a client of Slack's web API for one request. token is the key of the token that the request carries.
func (n *Notifier) apiWith(doing, token string) (*slack.Client, *keeper) {
	client, keep := n.keeping(doing, token)
	options := []slack.Option{slack.OptionHTTPClient(client), slack.OptionAppLevelToken(n.settings.AppToken.Reveal())}
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
