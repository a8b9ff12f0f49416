package slack

import (
	"context"
	"strings"

	"squarewatch/alert"
	"squarewatch/alert/outbox"

	"github.com/slack-go/slack"
)

// deliverAsBot posts the first message of an incident. For later notifications it first updates that message, which is idempotent, and
// then posts the change in its thread.
//
// When the message cannot be updated, it would still say FIRING after the incident, so a new message replaces it. When only the thread
// refuses replies, the change is posted in the channel and the updated message stays.
func (n *Notifier) deliverAsBot(ctx context.Context, note *outbox.Notification) (ref string, failure *outbox.DeliveryError) {
	channel, ts, known := strings.Cut(note.Ref, "/")
	if !known {
		return n.begin(ctx, note)
	}
	now := currentState(note)
	a := n.send(n.incidentMessage(&now), func(text string, blocks []slack.Block) *answer { return n.update(ctx, channel, ts, text, blocks) })
	if a.accepted() {
		a = n.reply(ctx, note, channel, ts)
	}
	if a.refusesReplies() {
		a = n.postChange(ctx, note, channel)
	}
	if a.refusesEdits() {
		return n.begin(ctx, &now)
	}
	return note.Ref, a.failure()
}

// begin posts a new message.
func (n *Notifier) begin(ctx context.Context, note *outbox.Notification) (ref string, failure *outbox.DeliveryError) {
	a := n.send(n.incidentMessage(note), func(text string, blocks []slack.Block) *answer {
		return n.post(ctx, n.settings.Channel, text, blocks)
	})
	return a.ref, a.failure()
}

// incidentMessage is the message that shows the current state of an incident; it is updated until the incident ends.
func (n *Notifier) incidentMessage(note *outbox.Notification) Message {
	return view{n: note, incident: &note.Incident, options: n.options, alone: true}.message()
}

// reply posts a change in the thread of the incident's message. Slack sends no notification for an updated message, so replies with FIRING
// or with the end of an incident are also shown in the channel. When the message was deleted, Slack posts the reply outside any thread.
func (n *Notifier) reply(ctx context.Context, note *outbox.Notification, channel, ts string) *answer {
	options := []slack.MsgOption{slack.MsgOptionTS(ts)}
	if note.Event.Ends() || note.Event == alert.EventFiring {
		options = append(options, slack.MsgOptionBroadcast())
	}
	return n.postChange(ctx, note, channel, options...)
}

// postChange posts a change as text: in the channel, unless the options name a thread.
func (n *Notifier) postChange(ctx context.Context, note *outbox.Notification, channel string, options ...slack.MsgOption) *answer {
	a := n.post(ctx, channel, changeText(note, n.options), nil, options...)
	if a.refusesForm() {
		a = n.post(ctx, channel, textOf(note), nil, options...)
	}
	return a
}

// changeText is the text of a notification, without what the incident's message already shows.
func changeText(note *outbox.Notification, options Options) string {
	v := view{n: note, incident: &note.Incident, options: options}
	lines := []string{textOf(note)}
	if !acknowledgedNow(note) { // otherwise the first line says it
		lines = append(lines, v.acknowledged()...)
	}
	if !joinedNow(note) {
		lines = append(lines, v.remarks()...)
	}
	if also := others(note.Others); also != "" {
		lines = append(lines, also)
	}
	return bounded(lines)
}

// currentState returns the notification for the current state of a message with several incidents: FIRING while any of them fires.
func currentState(note *outbox.Notification) outbox.Notification {
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
func (n *Notifier) api() (*slack.Client, *answerRecorder) { return n.apiWith(doingPost, keyBotToken) }

// apiWith returns a client of Slack's web API for one request. token is the key of the token that the request carries.
func (n *Notifier) apiWith(doing, token string) (*slack.Client, *answerRecorder) {
	client, recorder := n.recordingClient(doing, token)
	options := []slack.Option{slack.OptionHTTPClient(client), slack.OptionAppLevelToken(n.settings.AppToken.Reveal())}
	if n.settings.APIURL != "" {
		options = append(options, slack.OptionAPIURL(strings.TrimSuffix(n.settings.APIURL, "/")+"/"))
	}
	return slack.New(n.settings.BotToken.Reveal(), options...), recorder
}

// content returns the options for the text and blocks of a message. Automatic links and mentions are turned off.
func content(text string, blocks []slack.Block) []slack.MsgOption {
	options := []slack.MsgOption{
		slack.MsgOptionText(text, false), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(), slack.MsgOptionParse(false),
	}
	if blocks == nil {
		blocks = []slack.Block{} // an update must remove the old blocks
	}
	return append(options, slack.MsgOptionBlocks(blocks...))
}

func (n *Notifier) post(ctx context.Context, channel, text string, blocks []slack.Block, more ...slack.MsgOption) *answer {
	api, recorder := n.api()
	_, _, err := api.PostMessageContext(ctx, channel, append(content(text, blocks), more...)...)
	return recorder.result(ctx, err)
}

func (n *Notifier) update(ctx context.Context, channel, ts, text string, blocks []slack.Block) *answer {
	api, recorder := n.api()
	_, _, _, err := api.UpdateMessageContext(ctx, channel, ts, content(text, blocks)...)
	return recorder.result(ctx, err)
}
