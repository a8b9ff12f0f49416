package slack_test

import (
	"encoding/json"
	"flag"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	slackgo "github.com/slack-go/slack"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/config/golden"
	"squarewatch/probe"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const traceURL = "http://127.0.0.1:16686/trace/{trace_id}"

func at(clock string) time.Time {
	t, err := time.Parse(time.DateTime, "2026-10-07 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

// course is a window in which the rate rises.
func course() []alert.Point {
	var points []alert.Point
	for i := range 12 {
		points = append(points, alert.Point{At: at("02:59:30").Add(time.Duration(i) * 25 * time.Second), Runs: 2, Bad: max(i-9, 0)})
	}
	return points
}

func recent() []alert.Mark {
	return []alert.Mark{
		{Class: probe.Success},
		{Class: probe.Success},
		{Class: probe.ServerError, Bad: true},
		{Class: probe.Success},
		{Class: probe.Timeout, Bad: true},
		{Class: probe.ServerError, Bad: true},
	}
}

func resolved(i alert.Incident) alert.Incident {
	i.Resolved, i.LastBad, i.BadRuns = at("03:16:50"), at("03:12:02"), 30
	i.Rate, i.Bad, i.Classes, i.Examples = 0, 0, nil, nil
	return i
}

func notification(event alert.Event, clock string, incident alert.Incident) outbox.Notification {
	return outbox.Notification{ID: "n1", Notifier: "ops", At: at(clock), Event: event, Incident: incident}
}

func messages() map[string]outbox.Notification {
	late := notification(alert.EventUpdate, "07:04:05", serverErrors())
	late.Late, late.Folded = 12*time.Minute, 2
	late.Incident.BadRuns, late.Incident.LastBad = 120, at("07:03:50")
	many := notification(alert.EventFiring, "03:04:05", serverErrors())
	for range 12 {
		other := serverErrors()
		other.Series = "feed"
		many.Others = append(many.Others, other)
	}
	many.Others = append(many.Others, resolved(unauthenticated()))
	all := serverErrors()
	all.Per, all.Series, all.Severity, all.Runbook = alert.PerAll, "all", alert.Warning, "wiki: API down"
	all.Classes = []alert.ClassCount{{Class: probe.ConnectError, Runs: 8}}
	all.Examples = all.Examples[:0]
	removed := resolved(serverErrors())
	removed.EndReason = "the rule was removed from the configuration or renamed"
	ours, login, theirs := unauthenticated(), unauthenticated(), unauthenticated()
	ours.Blame, login.Blame, theirs.Blame = probe.BlameCredential, probe.BlameLoginService, probe.BlameAPI
	theirs.Examples[0].Excerpt, theirs.Examples[1].Probe = `{"detail": "Invalid token."}`, "owner-metrics"
	theirs.Evidence = []probe.Evidence{
		{For: probe.BlameAPI, Text: "collections is accepted with the same credential", At: at("03:03:50")},
	}
	overdue := serverErrors()
	overdue.Overdue, overdue.Reopened, overdue.Acknowledged = true, 2, &alert.Acknowledgement{By: "U0123ABCD", At: at("03:10:00")}
	overdue.Affected = []string{"feed", "bookings-config"}
	sure := serverErrors()
	sure.Confidence, sure.Low, sure.High, sure.Course, sure.Recent = 0.95, 0.22, 0.61, course(), recent()
	nodata := serverErrors()
	nodata.Rule, nodata.Condition, nodata.Window, nodata.Classes, nodata.Examples, nodata.Runs, nodata.Bad = alert.NoDataRule,
		alert.ConditionNoData, 0, nil, nil, 0, 0
	network := serverErrors()
	network.Rule, network.Series, network.Per, network.Severity, network.Condition, network.Window = alert.NetworkRule, "all", alert.PerAll,
		alert.Info, alert.ConditionNetwork, 0
	network = resolved(network)
	network.Runs, network.Bad = 31, 31
	watcher := network
	watcher.Rule, watcher.Severity = alert.WatcherRule, alert.Critical
	watcher.Condition, watcher.Resolved = alert.ConditionWatcher, time.Time{}
	streak := serverErrors()
	streak.Condition, streak.Runs, streak.Bad, streak.Rate, streak.Classes = alert.ConditionStreak, 2, 2, 1,
		[]alert.ClassCount{{Class: probe.ServerError, Code: 500, Runs: 2}}
	burn := serverErrors()
	burn.Condition, burn.Window, burn.Threshold, burn.Runs, burn.Bad, burn.Rate = alert.ConditionBurn, time.Hour, 0.072, 120, 12, 0.1
	burn.Course = course()
	burn.Burn = &alert.Burn{
		Objective: 0.995, Period: 30 * 24 * time.Hour, Factor: 14.4, Long: time.Hour, Short: 5 * time.Minute, LongBurn: 20,
		ShortBurn: 40,
	}
	nodata.BadRuns, nodata.FirstBad, nodata.LastBad = 0, time.Time{}, time.Time{}
	nodataOver := resolved(nodata)
	nodataOver.BadRuns, nodataOver.LastBad = 0, time.Time{}
	oldFigures, fewer, oldFiguresStreak := serverErrors(), serverErrors(), streak
	oldFigures.Counted, fewer.Counted, oldFiguresStreak.Counted = at("03:04:05"), at("03:04:05"), at("03:04:05")
	fewer.RecentRuns, fewer.RecentBad = 3, 1
	one := resolved(streak)
	one.BadRuns, one.LastBad = 1, one.FirstBad
	unsure := unauthenticated()
	unsure.Blame = probe.BlameUnknown
	clearer := serverErrors()
	clearer.Blame, clearer.BlameChangedAt, clearer.Evidence = probe.BlameAPI, at("03:05:15"), evidence()
	advised := unauthenticated()
	advised.Blame, advised.Evidence, advised.Advice = probe.BlameUnknown, evidence(), "a run of another probe with this key would tell"
	overAPI := resolved(clearer)
	overAPI.BlameChangedAt = time.Time{}
	refusedSince := breach()
	refusedSince.Runs, refusedSince.Bad, refusedSince.Rate = 2, 0, 0
	several := serverErrors()
	several.Joined = []alert.JoinedSeries{
		{Rule: "server-errors", Series: "feed"},
		{Rule: "unauthenticated", Series: "partner"},
		{Rule: "server-errors", Series: "reach", Over: true},
	}
	named := several
	named.JoinedAt = at("03:04:20")
	list := map[string]outbox.Notification{
		"firing-joined":             notification(alert.EventFiring, "03:04:05", several),
		"update-joined":             notification(alert.EventUpdate, "03:04:20", named),
		"resolved-joined":           notification(alert.EventResolved, "03:16:50", resolved(named)),
		"update-access":             notification(alert.EventUpdate, "07:04:05", refusedSince),
		"update-blame":              notification(alert.EventUpdate, "03:05:15", clearer),
		"resolved-api":              notification(alert.EventResolved, "03:16:50", overAPI),
		"firing-401-advice":         notification(alert.EventFiring, "03:04:05", advised),
		"update-overdue":            notification(alert.EventUpdate, "03:34:05", overdue),
		"firing-confidence":         notification(alert.EventFiring, "03:04:05", sure),
		"firing-no-data":            notification(alert.EventFiring, "03:05:50", nodata),
		"resolved-no-data":          notification(alert.EventResolved, "03:16:50", nodataOver),
		"firing-old-figures":        notification(alert.EventFiring, "05:04:05", oldFigures),
		"firing-old-figures-streak": notification(alert.EventFiring, "05:04:05", oldFiguresStreak),
		"firing-seen-little":        notification(alert.EventFiring, "05:04:05", fewer),
		"resolved-one":              notification(alert.EventResolved, "03:16:50", one),
		"firing-watcher":            notification(alert.EventFiring, "03:05:50", watcher),
		"resolved-watcher":          notification(alert.EventResolved, "03:16:50", resolved(watcher)),
		"resolved-network":          notification(alert.EventResolved, "03:16:50", network),
		"firing-streak":             notification(alert.EventFiring, "03:04:05", streak),
		"resolved-streak":           notification(alert.EventResolved, "03:16:50", resolved(streak)),
		"firing-burn":               notification(alert.EventFiring, "03:04:05", burn),
		"firing-401-unknown":        notification(alert.EventFiring, "03:04:05", unsure),
		"firing-401-credential":     notification(alert.EventFiring, "03:04:05", ours),
		"firing-401-login-service":  notification(alert.EventFiring, "03:04:05", login),
		"firing-401-api":            notification(alert.EventFiring, "03:04:05", theirs),
		"firing-access":             notification(alert.EventFiring, "03:04:05", breach()),
		"resolved-access":           notification(alert.EventResolved, "03:16:50", resolved(breach())),
		"ended":                     notification(alert.EventEnded, "03:16:50", removed),
		"firing-500":                notification(alert.EventFiring, "03:04:05", serverErrors()),
		"firing-401":                notification(alert.EventFiring, "03:04:05", unauthenticated()),
		"firing-all":                notification(alert.EventFiring, "03:04:05", all),
		"firing-many":               many,
		"update-late":               late,
		"resolved-500":              notification(alert.EventResolved, "03:16:50", resolved(serverErrors())),
		"resolved-401":              notification(alert.EventResolved, "03:16:50", resolved(unauthenticated())),
		"test":                      {ID: "t1", Notifier: "ops", At: at("12:00:00"), Event: alert.EventTest},
	}
	maps.Copy(list, ofParts())
	return list
}

func TestMessagesGolden(t *testing.T) {
	for name, n := range messages() {
		t.Run(name, func(t *testing.T) {
			m := slack.Render(n, slack.Options{TraceURL: traceURL, Support: "support@aisquare.studio"})
			checkLimits(t, m)
			body, err := json.MarshalIndent(struct {
				Text   string          `json:"text"`
				Blocks []slackgo.Block `json:"blocks"`
			}{m.Text, m.Blocks}, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "testdata/"+name+".json", string(body)+"\n", *update)
			golden.Check(t, "testdata/"+name+".txt", text.StripEscape(slack.Terminal(m, 80, true)), *update)
			golden.Check(t, "testdata/"+name+".plain", m.Plain()+"\n", *update)
		})
	}
}

// TestMessagesNameTheLocationOfTheHost compares messages of a host with a location with those of a host without one.
func TestMessagesNameTheLocationOfTheHost(t *testing.T) {
	var said []string
	for _, name := range []string{"firing-500", "update-late", "resolved-500", "ended", "test"} {
		n := messages()[name]
		plain := strings.Split(slack.Render(n, slack.Options{}).Plain(), "\n")
		located := slack.Render(n, slack.Options{Location: "fra"})
		checkLimits(t, located)
		lines := strings.Split(located.Plain(), "\n")
		last := len(lines) - 1
		if !slices.Equal(lines[:last], plain[:last]) {
			t.Errorf("%s: want another last line only, got\n%s", name, located.Plain())
		}
		said = append(said, name+": "+lines[last])
	}
	golden.Check(t, "testdata/location.txt", strings.Join(said, "\n")+"\n", *update)
}

func TestTextBeginsWithTheEventThenRuleAndSeries(t *testing.T) {
	all := messages()
	for name, want := range map[string]string{
		"firing-401":  "FIRING unauthenticated partner: 8 of 20 runs (40%, threshold 20%) answered 401",
		"firing-500":  "FIRING server-errors collections: 8 of 20 runs (40%, threshold 20%) failed: 6× 500, 2× timeout",
		"firing-all":  "FIRING server-errors all: 8 of 20 runs (40%, threshold 20%) ended in connect error",
		"firing-many": "FIRING server-errors collections and 13 more: 8 of 20 runs (40%, threshold 20%) failed: 6× 500, 2× timeout",
		"update-late": "UPDATE server-errors collections: still firing after 4h (critical), 8 of 20 runs (40%, threshold 20%) " +
			"failed: 6× 500, 2× timeout",
		"ended": "ENDED server-errors collections: it did not recover: the rule was removed from the configuration or " +
			"renamed; 30 bad runs in 9m 30s",
		"firing-old-figures": "FIRING server-errors collections: 8 of 20 runs (40%, threshold 20%) failed: 6× 500, 2× timeout; counted at " +
			"03:04:05 UTC, and no run has finished in the last 5m",
		"firing-seen-little": "FIRING server-errors collections: 8 of 20 runs (40%, threshold 20%) failed: 6× 500, 2× timeout; counted at " +
			"03:04:05 UTC, and only 3 runs in the last 5m, 1 of them bad",
		"resolved-one":     "RESOLVED server-errors collections: 1 bad run: the last run was good",
		"resolved-no-data": "RESOLVED no-data collections: no run finished for 14m 18s: runs finish again",
		"resolved-500":     "RESOLVED server-errors collections: 30 bad runs in 9m 30s, now 0 of 20 runs (0%, clears below 5%)",
		"test":             "TEST ops: squarewatch can post here",
	} {
		if got := slack.Render(all[name], slack.Options{}).Text; want != got {
			t.Errorf("%s\nwant %s\ngot  %s", name, want, got)
		}
	}
}

// TestEveryClassHasItsFault checks that a message says for every class whose fault it is.
func TestEveryClassHasItsFault(t *testing.T) {
	codes := map[probe.Class]int{
		probe.Success: 200, probe.Redirect: 302, probe.BadRequest: 400, probe.Unauthenticated: 401, probe.Forbidden: 403,
		probe.NotFound: 404, probe.RateLimited: 429, probe.ClientError: 418, probe.ServerError: 503,
	}
	var said []string
	for _, class := range probe.Classes() {
		i := serverErrors()
		i.Classes = []alert.ClassCount{{Class: class, Code: codes[class], Runs: 8}}
		m := slack.Render(notification(alert.EventFiring, "03:04:05", i), slack.Options{TraceURL: traceURL})
		checkLimits(t, m)
		first := m.Blocks[1].(*slackgo.SectionBlock)
		if first.Text == nil {
			t.Errorf("%s: want a sentence that says whose fault it is", class)
			continue
		}
		said = append(said, class.String()+": "+first.Text.Text)
	}
	golden.Check(t, "testdata/faults.txt", strings.Join(said, "\n")+"\n", *update)
}

func TestTerminalKeepsItsWidthWithWideCharacters(t *testing.T) {
	n := messages()["firing-500"]
	n.Incident.Examples[0].Excerpt = strings.Repeat("データベースは利用できません。 ", 10)
	for _, width := range []int{40, 41, 80, 133} {
		checkBox(t, slack.Terminal(slack.Render(n, slack.Options{TraceURL: traceURL}), width, true), width)
	}
}

func TestResolvedMessageAsksForNoAction(t *testing.T) {
	n := messages()["update-overdue"]
	n.Event, n.Incident = alert.EventResolved, resolved(n.Incident)
	text := slack.Render(n, everything("support@aisquare.studio")).Plain()
	for _, stale := range []string{"Ask AISquare", "Not announced because"} {
		if strings.Contains(text, stale) {
			t.Errorf("want nothing to do when it is over, got %q in\n%s", stale, text)
		}
	}
}

// TestWithoutACollectorAMessageNamesNoTrace checks that messages refer only to what exists.
func TestWithoutACollectorAMessageNamesNoTrace(t *testing.T) {
	words, silent, timeout := serverErrors(), serverErrors(), serverErrors()
	for i := range silent.Examples {
		silent.Examples[i].Excerpt = ""
	}
	timeout.Classes = []alert.ClassCount{{Class: probe.Timeout, Runs: 8}}
	unkept := serverErrors()
	for i := range unkept.Examples {
		unkept.Examples[i].Trace = probe.TraceID{}
	}
	for _, test := range []struct {
		incident alert.Incident
		options  slack.Options
		want     string
	}{
		{words, slack.Options{Untraced: true}, "failed there: read its own words below; `squarewatch probe collections` repeats the request."},
		{silent, slack.Options{Untraced: true}, "failed there: `squarewatch probe collections` repeats the request."},
		{timeout, slack.Options{Untraced: true}, "`squarewatch probe collections` shows the slow phase."},
		{unkept, slack.Options{TraceURL: traceURL}, "failed there: read its own words below; "},
		{words, slack.Options{}, "failed there: begin with the traces below."},
		{timeout, slack.Options{}, "The traces below show the slow phase."},
	} {
		n := notification(alert.EventFiring, "03:04:05", test.incident)
		m := slack.Render(n, test.options)
		checkLimits(t, m)
		if text := m.Plain(); !strings.Contains(text, test.want) || strings.Contains(text, "trace") != strings.Contains(test.want, "trace") {
			t.Errorf("want %q, and traces only where there are some, in\n%s", test.want, text)
		}
	}
}

func TestWithoutATraceAddressTheIdentifierIsShown(t *testing.T) {
	m := slack.Render(messages()["firing-500"], slack.Options{})
	if want := "trace `01020300000000000000000000000000`"; !strings.Contains(m.Plain(), want) {
		t.Errorf("want %q in\n%s", want, m.Plain())
	}
}

// TestAGroupNamesWhatJoinedItsIncidents has a message about several incidents, to which series have joined.
func TestAGroupNamesWhatJoinedItsIncidents(t *testing.T) {
	n := messages()["firing-500"]
	firing, over := serverErrors(), resolved(serverErrors())
	firing.Series, over.Series = "feed", "tasks"
	firing.Joined = []alert.JoinedSeries{{Rule: "server-errors", Series: "search"}, {Rule: "server-errors", Series: "users", Over: true}}
	over.Joined = []alert.JoinedSeries{{Rule: "slow", Series: "files", Over: true}}
	n.Others = []alert.Incident{firing, over}
	got := slack.Render(n, slack.Options{}).Plain()
	for _, want := range []string{
		"*Also firing:* server-errors feed (40%), server-errors search\n", "*Also resolved:* server-errors tasks, slow files\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
}

// TestAnEndWithoutARecoveryIsGrey checks the word and the colour of such an end. Green would mean a recovery.
func TestAnEndWithoutARecoveryIsGrey(t *testing.T) {
	text.EnableColors()
	all := messages()
	ended, recovered := all["ended"], all["resolved-500"]
	m := slack.Render(ended, slack.Options{})
	drawn := slack.Terminal(m, 80, true)
	if !strings.Contains(drawn, text.FgHiBlack.Sprint("╭")) || strings.Contains(m.Plain(), "RESOLVED") {
		t.Errorf("want grey, and not RESOLVED, got\n%s", drawn)
	}
	if drawn := slack.Terminal(slack.Render(recovered, slack.Options{}), 80, true); !strings.Contains(drawn, text.FgGreen.Sprint("╭")) {
		t.Errorf("want a recovery green, got\n%s", drawn)
	}
	recovered.Others = append(recovered.Others, ended.Incident)
	if got := slack.Render(recovered, slack.Options{}).Plain(); !strings.Contains(got,
		"*Also ended without a recovery:* server-errors collections") {
		t.Errorf("want the other incident not reported as resolved, got\n%s", got)
	}
}
