package slack_test

import (
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

// ofParts returns messages about parts of squarewatch itself, and about its network.
func ofParts() map[string]outbox.Notification {
	notifier := alert.Incident{
		ID: "watcher/notifier-team/1", Rule: alert.WatcherRule, Series: "notifier-team", Per: alert.PerAll, Severity: alert.Critical,
		Threshold: 1, Clear: 1, Condition: alert.ConditionWatcher, Rate: 1,
		Since: at("03:02:32"), Crossed: at("03:07:40"), Fired: at("03:07:40"),
	}
	disk := notifier
	notifier.Trouble = &alert.Trouble{
		Work:   "the notifier team takes no messages",
		Reason: "refused: Slack answered <token_revoked>; make a new token",
		Effect: "The messages wait, and are sent when it works.", Fix: "squarewatch notify team tests it",
	}
	disk.ID, disk.Series = "watcher/storage/1", "storage"
	disk.Trouble = &alert.Trouble{
		Work: "the state is not written", Reason: "the database does not answer", Effect: "Probing and alerts go on.",
		Fix: "check the device of state_dir",
	}
	over := disk
	over.Resolved, over.Rate = at("03:16:50"), 0
	over.Since, over.BadRuns, over.LastBad = at("03:02:32"), 0, time.Time{}
	network := notifier
	network.ID, network.Rule, network.Series, network.Severity = "network/all/1", alert.NetworkRule, "all", alert.Info
	network.Trouble, network.Condition, network.Runs, network.Bad = nil, alert.ConditionNetwork, 31, 31
	return map[string]outbox.Notification{
		"firing-network":           notification(alert.EventFiring, "03:12:40", network),
		"firing-watcher-notifier":  notification(alert.EventFiring, "03:07:40", notifier),
		"firing-watcher-storage":   notification(alert.EventFiring, "03:07:40", disk),
		"resolved-watcher-storage": notification(alert.EventResolved, "03:16:50", over),
	}
}
