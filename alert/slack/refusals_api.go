package slack

import "maps"

// refusal describes one Slack error code.
type refusal struct {
	reason      string // what is wrong
	fix         string // what a person must do; empty for a temporary fault, after which the message is soon tried again
	limits      bool   // too many requests: the answer says how long to wait
	form        bool   // the same message may pass in a plainer or shorter form
	cannotEdit  bool   // the message cannot be edited; a new one must be posted
	cannotReply bool   // the thread accepts no reply; the channel may still accept the message
}

// The keys of the tokens in the configuration.
const (
	keyBotToken = "bot_token"
	keyAppToken = "app_token"
)

// fixReport is the advice for faults that only a change of squarewatch can fix.
const fixReport = "please report it as a fault of squarewatch"

// refusals are the error codes of the web API: of chat.postMessage, chat.update and apps.connections.open, as
// https://docs.slack.dev/reference/methods lists them (testdata/slack-errors.txt holds the lists). key names the token that the request
// carried.
func refusals(key string) map[string]refusal {
	all := map[string]refusal{}
	for _, table := range []map[string]refusal{
		tokenRefusals(key), appRefusals(key), channelRefusals(), threadRefusals(), editRefusals(), messageRefusals(), requestRefusals(),
		temporaryRefusals(),
	} {
		maps.Copy(all, table)
	}
	return all
}

// tokenFix is the advice to write another token into the configuration.
func tokenFix(key string) string {
	if key == keyAppToken {
		return "write an app-level token of the app, xapp-…, with the scope connections:write, into app_token"
	}
	return "write the bot token of the app, xoxb-…, into bot_token"
}

// tokenRefusals are about the token.
func tokenRefusals(key string) map[string]refusal {
	token := tokenFix(key)
	scope := "add the scope chat:write to the app under OAuth & Permissions, and install the app again"
	if key == keyAppToken {
		scope = "make an app-level token with the scope connections:write under Basic Information, and write it into app_token"
	}
	// Token rotation cannot be turned off for an app: https://docs.slack.dev/authentication/using-token-rotation.
	const rotation = "token rotation makes tokens expire and cannot be turned off for an app: " +
		"make a new app from deploy/slack-app.yaml, install it, and "
	return map[string]refusal{
		"invalid_auth": {
			reason: "Slack does not accept the token from this host",
			fix:    token + ", and check that the workspace allows the address of this host",
		},
		"not_authed":             {reason: "the request carried no token", fix: token},
		"token_revoked":          {reason: "the token was revoked, or the app was removed", fix: "install the app again, and " + token},
		"token_expired":          {reason: "the token has expired", fix: rotation + token},
		"not_allowed_token_type": {reason: "this kind of token may not do this", fix: token},
		"missing_scope":          {reason: "the token lacks a scope", fix: scope},
		"missing_args":           {reason: "the request carried no app-level token", fix: token},
	}
}

// appRefusals are about the app, and what its workspace allows.
func appRefusals(key string) map[string]refusal {
	token := tokenFix(key)
	return map[string]refusal{
		"account_inactive": {
			reason: "the app was removed from the workspace, or the workspace was deleted",
			fix:    "install the app again, and " + token,
		},
		"no_permission": {
			reason: "the token may not do this",
			fix:    "invite the bot to the channel with /invite, and check the app's scopes",
		},
		"access_denied": {reason: "access is denied", fix: "ask an admin of the workspace to allow the app"},
		"ekm_access_denied": {
			reason: "an admin has suspended posting with the workspace's encryption keys",
			fix:    "ask an admin of the workspace",
		},
		"enterprise_is_restricted": {
			reason: "the token belongs to a whole organization, which may not do this",
			fix:    "install the app in the channel's workspace, and " + token,
		},
		"two_factor_setup_required": {
			reason: "the workspace requires two-factor authentication",
			fix:    "the person who installed the app must set up two-factor authentication",
		},
		"accesslimited": {
			reason: "the workspace limits the networks from which the API may be used",
			fix:    "ask an admin of the workspace to allow the address of this host",
		},
		"team_access_not_granted": {
			reason: "the app is not installed in the channel's workspace",
			fix:    "install the app in the channel's workspace",
		},
		"as_user_not_supported": {
			reason: "the token belongs to a kind of app that cannot post as itself",
			fix:    "make a new app from deploy/slack-app.yaml, install it, and " + token,
		},
		"is_bot": {
			reason: "a legacy bot may not do this",
			fix:    "make a new app from deploy/slack-app.yaml, install it, and " + token,
		},
		"forbidden_team": {
			reason: "this workspace may not use Socket Mode",
			fix:    "turn Socket Mode on for the app; or remove app_token; buttons then no longer work",
		},
	}
}

// channelRefusals are about the channel.
func channelRefusals() map[string]refusal {
	const other = "choose another channel"
	return map[string]refusal{
		"channel_not_found": {
			cannotEdit: true, reason: "the channel does not exist, or the bot cannot see it",
			fix: "set channel to the channel's name or ID; for a private channel, invite the bot with /invite",
		},
		"not_in_channel": {
			cannotEdit: true, reason: "the bot is not in the channel",
			fix: "invite the bot to the channel with /invite, or add the scope chat:write.public",
		},
		"is_archived": {
			cannotEdit: true, reason: "the channel is archived",
			fix: "unarchive the channel, or write another one into channel",
		},
		"is_inactive": {
			cannotEdit: true, reason: "the channel of the message is frozen, archived or deleted",
			fix: "unarchive the channel, or write another one into channel",
		},
		"team_not_found": {
			cannotEdit: true, reason: "a token of a whole organization needs the channel's ID",
			fix: "write the channel's ID into channel, such as C0123ABCD (at the end of the channel's details in Slack)",
		},
		"messages_tab_disabled": {
			reason: "the app does not accept direct messages",
			fix:    "write a channel into channel, not the bot itself",
		},
		"restricted_action": {
			reason: "an admin restricts who may post there",
			fix:    "ask an admin of the workspace to let the app post, or " + other,
		},
		"restricted_action_read_only_channel": {
			reason: "the channel is read-only",
			fix:    "ask an admin of the workspace to let the app post, or " + other,
		},
		"restricted_action_thread_only_channel": {reason: "the channel accepts replies in threads only", fix: other},
	}
}

// threadRefusals are about a reply in a thread.
func threadRefusals() map[string]refusal {
	return map[string]refusal{
		"restricted_action_thread_locked":          {cannotReply: true, reason: "an admin locked the thread", fix: fixReport},
		"restricted_action_non_threadable_channel": {cannotReply: true, reason: "the channel accepts no replies in threads", fix: fixReport},
		"cannot_reply_to_message":                  {cannotReply: true, reason: "the message accepts no replies", fix: fixReport},
		"thread_not_found":                         {cannotReply: true, reason: "the thread does not exist", fix: fixReport},
		"cant_broadcast_message":                   {cannotReply: true, reason: "the reply cannot be shown in the channel", fix: fixReport},
	}
}

// editRefusals are about a message that is updated.
func editRefusals() map[string]refusal {
	return map[string]refusal{
		"message_not_found":   {cannotEdit: true, reason: "the message was deleted", fix: fixReport},
		"cant_update_message": {cannotEdit: true, reason: "the message belongs to another app", fix: fixReport},
		"edit_window_closed": {
			cannotEdit: true, reason: "the workspace does not allow changes to messages of this age", fix: fixReport,
		},
		"block_mismatch":           {cannotEdit: true, reason: "the blocks of the message cannot be replaced", fix: fixReport},
		"streaming_state_conflict": {cannotEdit: true, reason: "the message is still being written", fix: fixReport},
		"no_dual_broadcast_content_update": {
			cannotEdit: true, reason: "a reply cannot be changed and shown in the channel at once", fix: fixReport,
		},
	}
}

// messageRefusals are about the content of the message.
func messageRefusals() map[string]refusal {
	return map[string]refusal{
		"invalid_blocks":                    {form: true, reason: "Slack cannot read the blocks", fix: fixReport},
		"invalid_blocks_format":             {form: true, reason: "Slack cannot read the blocks", fix: fixReport},
		"msg_blocks_too_long":               {form: true, reason: "the blocks are too long", fix: fixReport},
		"msg_too_long":                      {form: true, reason: "the text is too long", fix: fixReport},
		"invalid_attachments":               {form: true, reason: "Slack cannot read the attachments", fix: fixReport},
		"too_many_attachments":              {form: true, reason: "the message has too many attachments", fix: fixReport},
		"attachment_payload_limit_exceeded": {form: true, reason: "the attachments are too long", fix: fixReport},
		"invalid_arguments":                 {form: true, reason: "Slack cannot read the request", fix: fixReport},

		"no_text": {
			reason: "the message has no text",
			fix:    fixReport + "; a proxy on the way may have changed the message",
		},
		"markdown_text_conflict":         {reason: "the message has both text and markdown_text", fix: fixReport},
		"metadata_must_be_sent_from_app": {reason: "the message has metadata", fix: fixReport},
		"metadata_too_large":             {reason: "the message has too much metadata", fix: fixReport},
		"invalid_metadata_format":        {reason: "the message has unreadable metadata", fix: fixReport},
		"invalid_metadata_schema":        {reason: "the message has unreadable metadata", fix: fixReport},
		"missing_file_data":              {reason: "the message has a file without its data", fix: fixReport},
		"too_many_contact_cards":         {reason: "the message has too many contact cards", fix: fixReport},
		"duplicate_channel_not_found":    {reason: "the message's client_msg_id is used in another channel", fix: fixReport},
		"duplicate_message_not_found":    {reason: "the message's client_msg_id is unknown", fix: fixReport},
		"slack_connect_canvas_sharing_blocked": {
			reason: "an admin forbids canvases in channels that are shared with other companies",
			fix:    "choose a channel that is not shared",
		},
		"slack_connect_file_link_sharing_blocked": {
			reason: "an admin forbids links to files in channels that are shared with other companies",
			fix:    "choose a channel that is not shared",
		},
		"slack_connect_lists_sharing_blocked": {
			reason: "an admin forbids lists in channels that are shared with other companies",
			fix:    "choose a channel that is not shared",
		},
	}
}

// requestRefusals are about a request that squarewatch or a proxy formed wrongly.
func requestRefusals() map[string]refusal {
	const proxy = "check the proxy on the way to Slack; without one, " + fixReport
	return map[string]refusal{
		"invalid_arg_name":    {reason: "the request has an argument that Slack does not know", fix: proxy},
		"invalid_array_arg":   {reason: "the request has a list where Slack wants text", fix: proxy},
		"invalid_charset":     {reason: "the request names a wrong character set", fix: proxy},
		"invalid_form_data":   {reason: "the request's form is broken", fix: proxy},
		"invalid_post_type":   {reason: "the request has a wrong content type", fix: proxy},
		"missing_post_type":   {reason: "the request has no content type", fix: proxy},
		"insecure_request":    {reason: "the request did not arrive as a POST", fix: proxy},
		"deprecated_endpoint": {reason: "Slack no longer has this method", fix: "install a newer version of squarewatch"},
		"method_deprecated":   {reason: "Slack no longer has this method", fix: "install a newer version of squarewatch"},
	}
}

// temporaryRefusals are about faults that end without a person's help.
func temporaryRefusals() map[string]refusal {
	return map[string]refusal{
		"ratelimited":                {limits: true, reason: "too many requests"},
		"rate_limited":               {limits: true, reason: "too many messages"},
		"message_limit_exceeded":     {reason: "the members of the workspace send too many messages"},
		"external_channel_migrating": {reason: "the channel is being moved between workspaces"},
		"team_added_to_org":          {reason: "the workspace is being moved into an organization"},
		"org_login_required":         {reason: "the workspace is being moved into an organization"},
		"internal_error":             {reason: "Slack had an internal error"},
		"fatal_error":                {reason: "Slack had an internal error"},
		"update_failed":              {reason: "Slack could not change the message"},
		"service_unavailable":        {reason: "Slack is not available"},
		"request_timeout":            {reason: "the request arrived incomplete"},
	}
}
