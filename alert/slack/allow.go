package slack

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"squarewatch/config/setting"
)

const (
	keyAllow     = "allow"
	doingMembers = "read the members of a user group of Slack"
	// membersMaxAge is how long the members of a user group are cached.
	membersMaxAge = 5 * time.Minute
)

// checkAllow checks the list of people who may press buttons and use the command. The first letter of an ID says whether it is a user or a
// group: https://docs.slack.dev/reference/objects/user-object and https://docs.slack.dev/reference/objects/usergroup-object.
func (s Settings) checkAllow(faults *setting.Faults) {
	faults.Add(len(s.Allow) > 0 && s.AppToken.IsZero(), keyAllow, "has no effect without app_token, because there are no buttons",
		"write app_token, or remove it")
	for _, id := range s.Allow {
		faults.Add(!person.MatchString(id) && !isGroup(id), keyAllow, "holds "+clean(id)+", which is not an ID of Slack",
			"write member IDs (U0123ABCD, from a profile's menu) or IDs of user groups (S0123ABCD)")
	}
}

func isGroup(id string) bool { return strings.HasPrefix(id, "S") && person.MatchString("U"+id[1:]) }

// groups caches the members of the user groups in slack.allow.
type groups struct {
	mu      sync.Mutex
	members map[string]members // by the group's identifier
}

type members struct {
	users []string
	read  time.Time
}

// allows reports whether a person may press buttons and use the command. Without a list, every member of the workspace may. When the
// members of a group cannot be read, the members that were read last apply.
func (n *Notifier) allows(ctx context.Context, logger *slog.Logger, user string) bool {
	if len(n.settings.Allow) == 0 || slices.Contains(n.settings.Allow, user) {
		return true
	}
	n.groups.mu.Lock()
	defer n.groups.mu.Unlock()
	for _, id := range n.settings.Allow {
		if isGroup(id) && slices.Contains(n.membersLocked(ctx, logger, id), user) {
			return true
		}
	}
	return false
}

// membersLocked returns the members of a user group: https://docs.slack.dev/reference/methods/usergroups.users.list, which needs the
// scope usergroups:read.
func (n *Notifier) membersLocked(ctx context.Context, logger *slog.Logger, group string) []string {
	known := n.groups.members[group]
	if time.Since(known.read) < membersMaxAge {
		return known.users
	}
	api, recorder := n.apiWith(doingMembers, keyBotToken)
	users, err := api.GetUserGroupMembersContext(ctx, group)
	if fault := recorder.result(ctx, err).failure(); fault != nil {
		err = fault
	}
	if err != nil {
		logger.WarnContext(ctx, "cannot read the members of a user group of slack.allow; the members that were read last apply",
			"group", group, "error", err, "fix", "give the app the scope usergroups:read, or list people instead")
		return known.users
	}
	if n.groups.members == nil {
		n.groups.members = map[string]members{}
	}
	n.groups.members[group] = members{users, time.Now()}
	return users
}

// checkAllowed reports whether a person may press buttons and use the command. A refusal is logged and shown to the person.
func (s *session) checkAllowed(ctx context.Context, user, what, responseURL string) bool {
	if s.notifier.allows(ctx, s.logger, user) {
		return true
	}
	s.logger.WarnContext(ctx, "refused a button or command in Slack: the user is not in slack.allow", "by", clean(user), "what", what)
	s.notifier.showToUser(ctx, responseURL, "Not done: you are not listed in `slack.allow` of squarewatch's configuration.")
	return false
}

// handleCommand checks whether the user may write a command, and answers over its response URL.
func (s *session) handleCommand(ctx context.Context, command *slack.SlashCommand) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	if s.checkAllowed(ctx, command.UserID, "/squarewatch", command.ResponseURL) {
		s.notifier.respond(ctx, command.ResponseURL, slash(command.Text, s.actions.Overview()))
	}
}
