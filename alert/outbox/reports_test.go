package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

// reporter is a notifier that accepts reports. The messenger decides its answers.
type reporter struct {
	*messenger

	reports []string
}

func (r *reporter) Report(ctx context.Context, report outbox.Report) error {
	_, err := r.Deliver(ctx, outbox.Notification{Event: "report", Incident: alert.Incident{ID: report.Title}})
	if err == nil {
		r.reports = append(r.reports, fmt.Sprintf("%s %v", report.Title, report.Paragraphs))
	}
	return err
}

func weekly() outbox.Report {
	return outbox.Report{Title: "week", Paragraphs: []string{"99 %", "no incidents"}}
}

// TestAReportSurvivesARestart kills the process before Slack takes the report: the next process delivers it, and the one after does not
// deliver it again.
func TestAReportSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		due := time.Now().UTC()
		down := &reporter{messenger: newMessenger()}
		down.answer = func(int) error { return failure("unavailable", 0) }
		first := begin(t, path, ops(down))
		first.AddReport(due, weekly(), nil)
		<-time.After(time.Minute)
		if count, since, last := first.Pending("ops"); count != 1 || !since.Equal(due) || !strings.Contains(last, "unavailable") {
			t.Errorf("want one report that waits since it was due, got %d, %v, %q", count, since, last)
		}
		first.kill()

		up := &reporter{messenger: newMessenger()}
		second := begin(t, path, ops(up))
		<-time.After(time.Minute)
		synctest.Wait()
		want(t, []string{"week [99 % no incidents]"}, up.reports)
		if last, err := second.store.LastReport(t.Context()); err != nil || !last.Equal(due) {
			t.Errorf("want the store to know the report of %v, got %v, %v", due, last, err)
		}
		second.kill()

		third := &reporter{messenger: newMessenger()}
		begin(t, path, ops(third))
		<-time.After(time.Hour)
		synctest.Wait()
		want(t, nil, third.reports)
	})
}

func TestAReportIsTriedForADay(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		latest time.Duration // of the last attempt
	}{
		"refused": {refusal(), 24 * time.Hour},
		"down":    {failure("unavailable", 0), 24*time.Hour + 5*time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &reporter{messenger: newMessenger()}
				m.answer = func(int) error { return c.err }
				o := deliverTo(t, m, 0)
				o.AddReport(time.Now(), weekly(), []string{"ops"})
				wait(t, 72*time.Hour)
				tried := m.tried()
				if last := tried[len(tried)-1]; last < 24*time.Hour || last > c.latest || len(tried) < 100 {
					t.Errorf("want attempts for a day, got %d, the last after %v", len(tried), last)
				}
				if count, _, _ := o.Pending("ops"); count != 0 {
					t.Errorf("want it dropped, got %d that wait", count)
				}
			})
		})
	}
}

// TestMessagesAboutIncidentsComeFirst checks the order after an outage of Slack, and that a refused report does not delay messages.
func TestMessagesAboutIncidentsComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &reporter{messenger: newMessenger(failure("rate_limited", 10*time.Second), nil, refusal())}
		o := deliverTo(t, m, 0)
		o.AddReport(time.Now(), weekly(), nil)
		wait(t, time.Second)
		o.Add(change(alert.EventFiring, "a"))
		wait(t, 20*time.Second)
		o.Add(change(alert.EventFiring, "b"))
		wait(t, time.Hour)
		want(t, []string{"firing a late 9s", "firing b", "report week"}, m.said())
	})
}

func TestReportsGoToNotifiersThatCanPostThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, mute := &reporter{messenger: newMessenger()}, &reporter{messenger: newMessenger()}, newMessenger()
		o := deliverTo(t, first, 0)
		destinations := map[string]outbox.Destination{"ops": {Notifier: first}, "team": {Notifier: second}, "mute": {Notifier: mute}}
		o.Replace(destinations)
		o.AddReport(time.Now(), weekly(), nil)
		wait(t, time.Minute)
		o.AddReport(time.Now(), outbox.Report{Title: "named"}, []string{"team", "mute"})
		wait(t, time.Minute)
		want(t, []string{"report week"}, first.said())
		want(t, []string{"report week", "report named"}, second.said())
		want(t, nil, mute.said())
	})
}

// TestAReportFollowsItsNotifier changes the notifier's address while a report waits. It removes the notifier while the next report waits.
func TestAReportFollowsItsNotifier(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		place := func(address string, err error) *addressedReporter {
			m := &reporter{messenger: newMessenger()}
			m.answer = func(int) error { return err }
			return &addressedReporter{reporter: m, address: address}
		}
		from, to := place("a", errors.New("down")), place("b", nil)
		p := begin(t, path, ops(from))
		p.AddReport(time.Now(), weekly(), nil)
		wait(t, time.Minute)
		p.Replace(ops(to))
		wait(t, time.Minute)
		want(t, []string{"week [99 % no incidents]"}, to.reports)

		to.answer = func(int) error { return errors.New("down") }
		p.AddReport(time.Now(), outbox.Report{Title: "next"}, nil)
		wait(t, time.Minute)
		p.Replace(map[string]outbox.Destination{})
		wait(t, time.Minute)
		p.kill()
		again := place("b", nil)
		begin(t, path, ops(again))
		wait(t, time.Hour)
		want(t, nil, again.reports)
	})
}

// addressedReporter is a reporter with an address.
type addressedReporter struct {
	*reporter

	address string
}

func (r *addressedReporter) Address() string { return r.address }
