package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxReportAge is how long after its due time a report is tried. Then it is dropped, since people can read the next one.
const maxReportAge = 24 * time.Hour

// Report is a text with a title and paragraphs. It is plain text, and may contain text from other systems or people.
type Report struct {
	Title      string   `json:"title"`
	Paragraphs []string `json:"paragraphs"`
}

// waitingReport is a report that one destination has not received yet.
type waitingReport struct {
	due       time.Time // when the report was due; it identifies the report
	since     time.Time // when it was queued
	report    Report
	notBefore time.Time // it is not sent before this time
	written   bool      // the store has it, or the write failed: it may be sent
}

// reportState says what became of a report.
type reportState string

const (
	reportWaiting   reportState = "waiting"
	reportDelivered reportState = "delivered"
	reportDropped   reportState = "dropped"
)

// reportKey identifies a report for one notifier.
type reportKey struct{ notifier, due string }

// reportRow is what the store has of a report for one notifier.
type reportRow struct {
	sender senderKey
	report Report
	state  reportState
}

// AddReport queues a report for the named notifiers, or for all when names is empty. It leaves out notifiers that cannot post reports. The
// time when a report was due identifies it: call AddReport once for each due time. Silences do not apply to reports.
func (o *Outbox) AddReport(due time.Time, report Report, names []string) {
	o.commit(func(b *batch) {
		for _, s := range o.sortedLocked() {
			if s.active && (len(names) == 0 || slices.Contains(names, s.key.notifier)) {
				s.enqueueReportLocked(waitingReport{due: due, since: time.Now(), report: report}, b)
			}
		}
	})
}

// enqueueReportLocked queues a report, unless the notifier posts no reports. The caller holds mu.
func (s *sender) enqueueReportLocked(r waitingReport, changes *batch) {
	if _, ok := s.destination.Notifier.(Reporter); !ok {
		return
	}
	r.written, r.notBefore = false, time.Time{}
	s.reports = append(s.reports, r)
	changes.putReport(s.key, &r, reportWaiting)
	s.wakeUp()
}

// handOverReportsLocked moves the reports of an inactive sender to another one, or drops them when there is none. The caller holds mu.
func (s *sender) handOverReportsLocked(to *sender, changes *batch) {
	left := s.reports
	s.reports = nil
	for i := range left {
		changes.putReport(s.key, &left[i], reportDropped)
		if to != nil {
			to.enqueueReportLocked(left[i], changes)
		}
	}
}

// loadReportsLocked inserts the reports that an earlier process left. The caller holds mu.
func (s *sender) loadReportsLocked(left []waitingReport) {
	known := func(r waitingReport) bool {
		return slices.ContainsFunc(s.reports, func(own waitingReport) bool { return own.due.Equal(r.due) })
	}
	s.reports = append(slices.DeleteFunc(left, known), s.reports...)
	s.wakeUp()
}

// releaseReportLocked marks the report of a due time as written, so that it may be sent. The caller holds mu.
func (s *sender) releaseReportLocked(due string) {
	for i := range s.reports {
		if formatTime(s.reports[i].due) == due {
			s.reports[i].written = true
		}
	}
	s.wakeUp()
}

// reportDueLocked returns when the next report may be sent; false when none waits. The caller holds mu.
func (s *sender) reportDueLocked() (first time.Time, found bool) {
	if _, ok := s.destination.Notifier.(Reporter); !ok {
		return time.Time{}, false
	}
	for i := range s.reports {
		if r := &s.reports[i]; r.written && (!found || r.notBefore.Before(first)) {
			first, found = r.notBefore, true
		}
	}
	return first, found
}

// popReportLocked removes the first report that may be sent at now, and returns how to send it; nil for none. The caller holds mu.
func (s *sender) popReportLocked(now time.Time) attempt {
	reporter, ok := s.destination.Notifier.(Reporter)
	i := slices.IndexFunc(s.reports, func(r waitingReport) bool { return r.written && !r.notBefore.After(now) })
	if !ok || i < 0 {
		return nil
	}
	s.reporting = new(s.reports[i])
	s.reports = slices.Delete(s.reports, i, i+1)
	report := s.reporting.report
	return func(ctx context.Context) (string, error) { return "", reporter.Report(ctx, report) }
}

// finishReportLocked records the result of an attempt to deliver a report. After a failure it queues the report again, not to be sent
// before hold. It drops a report that has reached maxReportAge. The caller holds mu.
func (s *sender) finishReportLocked(failure *DeliveryError, now, hold time.Time, changes *batch) {
	r := s.reporting
	if r == nil {
		return
	}
	s.reporting = nil
	switch {
	case failure == nil:
		changes.putReport(s.key, r, reportDelivered)
	case !s.active:
		s.reports = append(s.reports, *r)
		s.handOverReportsLocked(s.successor(s.key.notifier), changes)
	case now.Sub(r.due) >= maxReportAge:
		changes.putReport(s.key, r, reportDropped)
		s.options.Logger.Error("dropped a report that could not be delivered within a day", "notifier", s.key.notifier, "due", r.due,
			"error", failure)
	default:
		r.notBefore = hold
		s.reports = slices.Insert(s.reports, 0, *r)
	}
}

// waitingReportsLocked returns how many reports wait, and since when; the zero time for none. The caller holds mu.
func (s *sender) waitingReportsLocked() (count int, since time.Time) {
	all := s.reports
	if s.reporting != nil {
		all = append(slices.Clone(all), *s.reporting)
	}
	for i := range all {
		if since.IsZero() || all[i].since.Before(since) {
			since = all[i].since
		}
	}
	return len(all), since
}

// putReport records what became of a report.
func (b *batch) putReport(sender senderKey, r *waitingReport, state reportState) {
	key := reportKey{notifier: sender.notifier, due: formatTime(r.due)}
	b.reports[key] = reportRow{sender: sender, report: r.report, state: state}
}

func writeReports(ctx context.Context, tx *sql.Tx, rows map[reportKey]reportRow) error {
	for key, row := range rows {
		payload, err := json.Marshal(row.report)
		if err != nil {
			return fmt.Errorf("write a report: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO reports (due, notifier, address, state, payload) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (due, notifier) DO UPDATE SET address = excluded.address, state = excluded.state, payload = excluded.payload`,
			key.due, key.notifier, row.sender.address, string(row.state), payload); err != nil {
			return fmt.Errorf("write a report: %w", err)
		}
	}
	return nil
}

// reports returns the reports that an earlier process left, by sender, in the order in which they were due.
func (s *Store) reports(ctx context.Context) (map[senderKey][]waitingReport, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT due, notifier, address, payload FROM reports WHERE state = ? ORDER BY due`,
		string(reportWaiting))
	if err != nil {
		return nil, fmt.Errorf("read reports: %w", err)
	}
	defer func() { _ = rows.Close() }()
	all := map[senderKey][]waitingReport{}
	var faults []error
	for rows.Next() {
		r := waitingReport{written: true}
		var key senderKey
		var due, payload string
		if err := rows.Scan(&due, &key.notifier, &key.address, &payload); err != nil {
			return nil, fmt.Errorf("read reports: %w", err)
		}
		if err := json.Unmarshal([]byte(payload), &r.report); err != nil {
			faults = append(faults, fmt.Errorf("read the report of %s: %w", due, err))
			continue
		}
		r.due, r.since = parseTime(due), parseTime(due)
		all[key] = append(all[key], r)
	}
	return all, errors.Join(append(faults, rows.Err())...)
}

// LastReport returns the due time of the newest report that was queued; the zero time for none.
func (s *Store) LastReport(ctx context.Context) (time.Time, error) {
	var due sql.NullString
	if err := s.db.QueryRowContext(ctx, `SELECT MAX(due) FROM reports`).Scan(&due); err != nil {
		return time.Time{}, fmt.Errorf("read when the last report was due: %w", err)
	}
	return parseTime(due.String), nil
}
