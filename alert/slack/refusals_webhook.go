package slack

import "net/http"

// webhookRefusals are the error codes of incoming webhooks. Sources:
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
// https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks.
func webhookRefusals() map[string]refusal {
	const renew = "make a new incoming webhook in Slack and write its address into webhook_url"
	const noText = fixReport + "; a proxy on the way may have changed the message"
	return map[string]refusal{
		"no_service":                        {fix: "the webhook was removed or turned off: " + renew},
		"no_service_id":                     {fix: "the webhook address is incomplete: copy it again from Slack into webhook_url"},
		"no_active_hooks":                   {fix: "the webhook was turned off: " + renew},
		"no_team":                           {fix: "the workspace in the webhook address does not exist: " + renew},
		"team_disabled":                     {fix: "the workspace was shut down: " + renew + " of another workspace"},
		"invalid_token":                     {fix: "the webhook address is wrong or was revoked: " + renew},
		"user_not_found":                    {fix: "the webhook's user no longer exists: " + renew},
		"channel_not_found":                 {fix: "the webhook's channel was deleted: " + renew + " for another channel"},
		"channel_is_archived":               {fix: "unarchive the webhook's channel, or " + renew},
		"action_prohibited":                 {fix: "an admin of the workspace restricts this webhook: ask the admin to let it post"},
		"posting_to_general_channel_denied": {fix: "only admins may post to this channel: choose another channel for the webhook"},

		"invalid_payload":      {form: true, fix: "Slack cannot read the message, not even one line of text: " + fixReport},
		"invalid_blocks":       {form: true, fix: "Slack cannot read the message, not even one line of text: " + fixReport},
		"invalid_attachments":  {form: true, fix: "Slack cannot read the message, not even one line of text: " + fixReport},
		"msg_too_long":         {form: true, fix: "Slack cannot take the message, not even one line of text: " + fixReport},
		"msg_blocks_too_long":  {form: true, fix: "Slack cannot take the message, not even one line of text: " + fixReport},
		"too_many_attachments": {form: true, fix: "Slack cannot take the message: " + fixReport},

		"no_text": {fix: noText},
		"missing_text_or_fallback_or_attachments": {fix: noText},
	}
}

// fixesByStatus are for answers without an error code of Slack.
func fixesByStatus() map[int]string {
	const moved = "the address redirects elsewhere: write the final address into webhook_url"
	return map[int]string{
		http.StatusMovedPermanently:  moved,
		http.StatusFound:             moved,
		http.StatusSeeOther:          moved,
		http.StatusTemporaryRedirect: moved,
		http.StatusPermanentRedirect: moved,
		http.StatusUnauthorized:      "something before Slack asks for a login: check the proxy and webhook_url",
		http.StatusForbidden:         "the webhook may not post: make a new incoming webhook, and check the proxy",
		http.StatusNotFound:          "nothing answers at this address: copy the webhook's address again from Slack into webhook_url",
		http.StatusMethodNotAllowed:  "the address takes no POST: copy the webhook's address again from Slack into webhook_url",
		http.StatusProxyAuthRequired: "the proxy asks for a login: put it into HTTPS_PROXY",
		http.StatusGone:              "the webhook is gone: make a new incoming webhook and write its address into webhook_url",
	}
}
