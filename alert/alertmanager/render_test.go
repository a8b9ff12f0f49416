package alertmanager_test

import (
	"encoding/json"
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"squarewatch/alert"
	"squarewatch/alert/alertmanager"
	"squarewatch/alert/notifiertest"
	"squarewatch/alert/outbox"
	"squarewatch/config/golden"
	"squarewatch/config/secret"
	"squarewatch/config/setting"
	"squarewatch/probe"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// now is the time at which these tests deliver messages.
func now() time.Time { return time.Date(2026, 10, 7, 3, 5, 0, 0, time.UTC) }

func options() alertmanager.Options {
	return alertmanager.Options{Target: "api.aisquare.studio", TraceURL: "http://127.0.0.1:16686/trace/{trace_id}"}
}

func settings() alertmanager.Settings {
	return alertmanager.Settings{
		URL: "http://127.0.0.1:9093", BearerToken: secret.New("hush"),
		Labels: map[string]string{"env": "prod", "team": "from the settings, unless the probe has this label"},
	}
}

// changed returns a FIRING message with a change of its incident.
func changed(change func(*alert.Incident)) outbox.Notification {
	n := notifiertest.Notification(alert.EventFiring)
	change(&n.Incident)
	return n
}

// ended returns a RESOLVED message, ten minutes later, with a change of its incident.
func ended(change func(*alert.Incident)) outbox.Notification {
	n := notifiertest.Notification(alert.EventResolved)
	n.Incident.Bad, n.Incident.Rate, n.Incident.Classes = 0, 0, nil
	change(&n.Incident)
	return n
}

// condition sets the condition and the rule of an incident, and removes its window and thresholds.
func condition(i *alert.Incident, c alert.Condition, rule string) {
	i.Condition, i.Rule, i.Window, i.Threshold, i.Clear = c, rule, 0, 0, 0
}

func refusals(blame probe.Blame) func(*alert.Incident) {
	return func(i *alert.Incident) {
		i.Rule, i.Series, i.Per, i.Labels, i.Blame = "unauthenticated", "partner", alert.PerCredential, nil, blame
		i.Classes = []alert.ClassCount{{Class: probe.Unauthenticated, Code: 401, Runs: 6}, {Class: probe.Timeout, Runs: 2}}
		i.Examples = []alert.Example{
			{
				Probe: "feed", At: i.Since, Class: probe.Unauthenticated, Code: 401, Reason: "expected 2xx, got 401", Excerpt: "Token has expired",
				Trace: probe.TraceID{7},
			},
			{Probe: "collections", At: i.Since, Class: probe.Timeout, Reason: "no complete answer within 10s"},
		}
	}
}

// many returns an UPDATE about three incidents: two fire, and one is resolved.
func many() outbox.Notification {
	n := notifiertest.Notification(alert.EventUpdate)
	for _, series := range []string{"feed", "reach"} {
		other := n.Incident
		other.Series, other.Labels = series, nil
		n.Others = append(n.Others, other)
	}
	n.Others[1].Resolved = n.At.Add(30 * time.Second)
	return n
}

func notifications() map[string]outbox.Notification {
	return map[string]outbox.Notification{
		"firing-500":  notifiertest.Notification(alert.EventFiring),
		"firing-many": many(),
		"firing-bounds": changed(func(i *alert.Incident) {
			i.Condition, i.Low, i.High, i.Confidence = alert.ConditionRate, 0.21, 0.61, 0.95
		}),
		"firing-old-figures":       changed(func(i *alert.Incident) { i.Counted = i.Fired }),
		"firing-401":               changed(refusals(probe.BlameUnknown)),
		"firing-401-credential":    changed(refusals(probe.BlameCredential)),
		"firing-401-login-service": changed(refusals(probe.BlameLoginService)),
		"firing-401-api":           changed(refusals(probe.BlameAPI)),
		"firing-401-evidence": changed(func(i *alert.Incident) {
			refusals(probe.BlameUnknown)(i)
			i.Advice = "a run of another probe with this key would tell"
			i.Evidence = []probe.Evidence{
				{For: probe.BlameAPI, Text: "The login gave a token at once", At: i.Since},
				{For: probe.BlameCredential, Text: "no other probe uses it"},
			}
		}),
		"firing-401-network": changed(refusals(probe.BlameNetwork)),
		"firing-all": changed(func(i *alert.Incident) {
			i.Series, i.Per, i.Labels, i.Overdue, i.Affected = "all", alert.PerAll, nil, true, []string{"feed", "unauthenticated partner"}
			i.Joined = []alert.JoinedSeries{{Rule: i.Rule, Series: "feed"}, {Rule: "unreachable", Series: "all", Over: true}}
		}),
		"firing-access": changed(func(i *alert.Incident) {
			condition(i, alert.ConditionAccess, "access")
			i.Classes = []alert.ClassCount{{Class: probe.Success, Code: 200, Runs: 1}}
		}),
		"firing-streak": changed(func(i *alert.Incident) {
			condition(i, alert.ConditionStreak, "server-errors")
			i.Runs, i.Bad, i.Rate = 2, 2, 1
			i.Classes = []alert.ClassCount{{Class: probe.ServerError, Code: 503, Runs: 2}}
		}),
		"firing-burn": changed(func(i *alert.Incident) {
			i.Condition, i.Window = alert.ConditionBurn, time.Hour
			i.Burn = &alert.Burn{
				Objective: 0.995, Period: 30 * 24 * time.Hour, Factor: 14.4, Long: time.Hour, Short: 5 * time.Minute, LongBurn: 80,
				ShortBurn: 96,
			}
		}),
		"firing-no-data": changed(func(i *alert.Incident) {
			condition(i, alert.ConditionNoData, "no-data")
			i.Since, i.Classes, i.Examples = i.Since.Add(-30*time.Second), nil, nil
			i.FirstBad, i.LastBad, i.BadRuns = time.Time{}, time.Time{}, 0
		}),
		"resolved-500":    ended(func(*alert.Incident) {}),
		"ended":           ended(func(i *alert.Incident) { i.EndReason = "its rule was removed" }),
		"resolved-access": ended(func(i *alert.Incident) { condition(i, alert.ConditionAccess, "access") }),
		"resolved-network": ended(func(i *alert.Incident) {
			condition(i, alert.ConditionNetwork, "network")
			i.Series, i.Per, i.Labels, i.Examples, i.Bad = "all", alert.PerAll, nil, nil, 42
		}),
		"firing-watcher": changed(func(i *alert.Incident) {
			condition(i, alert.ConditionWatcher, "watcher")
			i.Series, i.Per, i.Labels, i.Classes, i.Examples, i.Runs, i.Bad = "notifier-ops", alert.PerAll, nil, nil, nil, 0, 0
			i.FirstBad, i.LastBad, i.BadRuns = time.Time{}, time.Time{}, 0
			i.Trouble = &alert.Trouble{
				Work: "the notifier ops takes no messages", Reason: "network: no route to host",
				Effect: "The messages wait, and are sent when it works.",
				Fix:    "squarewatch notify ops tests it",
			}
		}),
		"test": notifiertest.Notification(alert.EventTest),
	}
}

func TestAlertsGolden(t *testing.T) {
	for name, n := range notifications() {
		t.Run(name, func(t *testing.T) {
			alerts := alertmanager.Render(n, settings(), options(), now())
			for i := range alerts {
				if err := alerts[i].Validate(); err != nil {
					t.Errorf("Prometheus's own check refuses the alert: %v", err)
				}
			}
			got, err := json.MarshalIndent(alerts, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "testdata/"+name+".json", string(got)+"\n", *update)
		})
	}
}

// TestHostsThatSeeTheSameMakeOneAlert renders an incident as two hosts see it. Their times, counts, examples and identifiers differ, but
// the labels must not.
func TestHostsThatSeeTheSameMakeOneAlert(t *testing.T) {
	for name, n := range notifications() {
		other := n
		other.ID, other.At, other.Late = "n2", n.At.Add(time.Minute), time.Minute
		i := &other.Incident
		i.ID, i.Since, i.Fired = "fedcba987654", i.Since.Add(7*time.Second), i.Fired.Add(8*time.Second)
		i.Runs, i.Bad, i.Rate, i.Examples, i.Classes, i.Blame = 19, 7, 0.37, nil, nil, probe.BlameUnknown
		want := alertmanager.Render(n, settings(), options(), now())[0].Labels
		got := alertmanager.Render(other, settings(), options(), now().Add(time.Minute))[0].Labels
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: labels (-one host +another):\n%s", name, diff)
		}
	}
}

// TestTheTimesOfAnAlert checks when alerts begin and end. A firing alert ends a few minutes after the post, unless it is posted again. A
// resolved alert ends when its incident did.
func TestTheTimesOfAnAlert(t *testing.T) {
	at := notifiertest.Notification(alert.EventFiring).At
	for name, test := range map[string]struct {
		n          outbox.Notification
		begin, end time.Time
	}{
		"firing":   {notifiertest.Notification(alert.EventFiring), at.Add(-time.Minute), now().Add(4 * time.Minute)},
		"resolved": {notifiertest.Notification(alert.EventResolved), at.Add(-time.Minute), at.Add(10 * time.Minute)},
		"resolved after the clock was set back": {
			ended(func(i *alert.Incident) { i.Resolved = at.Add(-time.Hour) }), at.Add(-time.Hour), at.Add(-time.Hour),
		},
		"firing without a beginning": {changed(func(i *alert.Incident) { i.Since = time.Time{} }), at, now().Add(4 * time.Minute)},
		"test":                       {notifiertest.Notification(alert.EventTest), now(), now().Add(time.Minute)},
	} {
		got := alertmanager.Render(test.n, settings(), options(), now())[0]
		if !got.StartsAt.Equal(test.begin) || !got.EndsAt.Equal(test.end) {
			t.Errorf("%s: want %v to %v, got %v to %v", name, test.begin, test.end, got.StartsAt, got.EndsAt)
		}
	}
}

// TestInvalidLabelNamesAreReplaced uses label names that OpenTelemetry and people use, and that Prometheus does not allow.
func TestInvalidLabelNamesAreReplaced(t *testing.T) {
	n := changed(func(i *alert.Incident) {
		i.Labels = map[string]string{
			"service.name": "studio", "cost-centre": "42", "9lives": "cat", "größe": "XL", "-": "nothing", "": "empty", "blank": " \n",
			"severity": "must not win", "a b": "first of two", "a.b": "second of two", strings.Repeat("x", 500): "long",
		}
	})
	set := alertmanager.Render(n, alertmanager.Settings{}, options(), now())[0].Labels
	want := map[string]string{
		"service_name": "studio", "cost_centre": "42", "key_9lives": "cat", "severity": "critical", "a_b": "first of two",
		"blank": "", "alertname": "server-errors", "target": "api.aisquare.studio", "probe": "collections",
	}
	for name, value := range want {
		if got := string(set[model.LabelName(name)]); got != value {
			t.Errorf("%s: want %q, got %q in %v", name, value, got, set)
		}
	}
	for name := range set {
		if !model.LegacyValidation.IsValidLabelName(string(name)) || len(name) > 120 {
			t.Errorf("want names that Prometheus allows, at most 120 bytes long, got %q", name)
		}
	}
}

// FuzzEveryAlertIsValid puts arbitrary text into the fields that hold foreign text or text of the configuration.
func FuzzEveryAlertIsValid(f *testing.F) {
	f.Add("team", "<!channel> @everyone")
	f.Add("__name__", "a\xff\u202e\n")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, name, text string) {
		n := changed(func(i *alert.Incident) {
			i.Labels = map[string]string{name: text}
			i.Series, i.Runbook, i.EndReason, i.Affected = text, text, text, []string{text}
			i.Examples[0].Probe, i.Examples[0].Reason, i.Examples[0].Excerpt = text, text, text
		})
		options := alertmanager.Options{TraceURL: text, Site: setting.Site(text)}
		checkLegal(t, alertmanager.Render(n, alertmanager.Settings{}, options, now()))
	})
}

// checkLegal checks that Alertmanager accepts alerts, and that no annotation holds markup or a control character.
func checkLegal(t *testing.T, alerts []model.Alert) {
	t.Helper()
	for i := range alerts {
		if err := alerts[i].Validate(); err != nil {
			t.Error(err)
		}
		for label := range alerts[i].Labels {
			if !model.LegacyValidation.IsValidLabelName(string(label)) {
				t.Errorf("want label names that Prometheus allows, got %q", label)
			}
		}
		for annotation, value := range alerts[i].Annotations {
			if strings.ContainsAny(string(value), "<>\x00\u202e") {
				t.Errorf("the annotation %s holds markup or a control character: %q", annotation, value)
			}
		}
		if _, err := json.Marshal(alerts[i]); err != nil {
			t.Error(err)
		}
	}
}

// FuzzAlertOfAStoredIncident renders incidents as a damaged database may hold them.
func FuzzAlertOfAStoredIncident(f *testing.F) {
	text, err := json.Marshal(notifiertest.Notification(alert.EventFiring).Incident)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"ID": "a", "Fired": "9999-12-31T23:59:59Z", "Condition": "nonsense", "Trouble": {}, "Burn": {}}`))
	f.Fuzz(func(t *testing.T, stored []byte) {
		var incident alert.Incident
		if json.Unmarshal(stored, &incident) != nil {
			return
		}
		for _, event := range []alert.Event{alert.EventFiring, alert.EventUpdate, alert.EventResolved, alert.EventEnded} {
			n := notifiertest.Notification(event)
			n.Incident = incident
			checkLegal(t, alertmanager.Render(n, settings(), options(), now()))
		}
	})
}
