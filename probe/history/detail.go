package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"squarewatch/probe"
)

// detailJSON is what the column detail holds. Times and durations are in microseconds; a start is relative to the start of the run.
type detailJSON struct {
	Attempts []attemptJSON `json:"attempts"`
	Looks    []lookJSON    `json:"looks,omitempty"`
	Issued   int64         `json:"issued,omitempty"` // Unix time at which the credential was issued; 0 when that is not known
}

type attemptJSON struct {
	Cause       probe.Cause               `json:"cause"`
	Method      string                    `json:"method"`
	URL         string                    `json:"url"` // secrets are masked, as in the span
	Start       int64                     `json:"start"`
	Took        int64                     `json:"took"`
	Phases      map[probe.PhaseKind]int64 `json:"phases"` // durations; they follow each other in the order of PhaseKinds
	Class       probe.Class               `json:"class"`
	Code        int                       `json:"code,omitempty"`
	Error       string                    `json:"error,omitempty"`
	ErrorKind   string                    `json:"error_kind,omitempty"`
	Protocol    string                    `json:"protocol,omitempty"`
	Peer        string                    `json:"peer,omitempty"`
	Reused      bool                      `json:"reused,omitempty"`
	Size        int64                     `json:"size,omitempty"`
	Certificate int64                     `json:"certificate,omitempty"` // Unix time at which the first certificate of the chain expires
}

type lookJSON struct {
	Kind   probe.LookKind `json:"kind"`
	Start  int64          `json:"start"`
	Took   int64          `json:"took"`
	Passed bool           `json:"passed"`
	Text   string         `json:"text"`
}

// detail is the part of a run that may be stored later. It needs much less memory than the whole result.
type detail struct {
	probe              string
	trace              probe.TraceID
	start, end, issued time.Time
	attempts           []probe.Attempt
	looks              []probe.Look
}

func detailOf(r *probe.Result) *detail {
	return &detail{
		probe: r.Probe, trace: r.Trace, start: r.Start, end: r.End, issued: r.CredentialIssued, attempts: r.Attempts, looks: r.Looks,
	}
}

// text returns the detail as its column stores it.
func (d *detail) text() (sql.NullString, error) {
	stored := detailJSON{Issued: unixOrZero(d.issued), Attempts: make([]attemptJSON, 0, len(d.attempts))}
	for i := range d.attempts {
		a := &d.attempts[i]
		phases := make(map[probe.PhaseKind]int64, len(a.Phases))
		for _, p := range a.Phases {
			phases[p.Kind] += p.End.Sub(p.Start).Microseconds()
		}
		stored.Attempts = append(stored.Attempts, attemptJSON{
			Cause: a.Cause, Method: a.Method, URL: a.URL, Start: a.Start.Sub(d.start).Microseconds(), Took: a.End.Sub(a.Start).Microseconds(),
			Phases: phases, Class: a.Class, Code: a.Code, Error: a.Error, ErrorKind: a.ErrorKind, Protocol: a.Protocol, Peer: a.Peer,
			Reused: a.Reused, Size: a.Size, Certificate: unixOrZero(a.CertificateExpiry),
		})
	}
	for _, l := range d.looks {
		stored.Looks = append(stored.Looks, lookJSON{
			Kind: l.Kind, Start: l.Start.Sub(d.start).Microseconds(), Took: l.End.Sub(l.Start).Microseconds(), Passed: l.Passed, Text: l.Text,
		})
	}
	text, err := json.Marshal(stored)
	return sql.NullString{String: string(text), Valid: true}, err
}

// readDetail sets the fields of a result that text returned. The start of the result must be set.
func readDetail(r *probe.Result, text string) error {
	var stored detailJSON
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return fmt.Errorf("read the detail of a run: %w", err)
	}
	r.CredentialIssued = timeOrZero(stored.Issued)
	for _, a := range stored.Attempts {
		start := r.Start.Add(micros(a.Start))
		r.Attempts = append(r.Attempts, probe.Attempt{
			Cause: a.Cause, Method: a.Method, URL: a.URL, Start: start, End: start.Add(micros(a.Took)),
			Phases: phasesFrom(start, a.Phases), Class: a.Class, Code: a.Code, Error: a.Error, ErrorKind: a.ErrorKind, Protocol: a.Protocol,
			Peer: a.Peer, Reused: a.Reused, Size: a.Size, CertificateExpiry: timeOrZero(a.Certificate),
		})
	}
	for _, l := range stored.Looks {
		start := r.Start.Add(micros(l.Start))
		r.Looks = append(r.Looks, probe.Look{Kind: l.Kind, Start: start, End: start.Add(micros(l.Took)), Passed: l.Passed, Text: l.Text})
	}
	return nil
}

// phasesFrom returns phases that follow each other.
func phasesFrom(start time.Time, took map[probe.PhaseKind]int64) []probe.Phase {
	var phases []probe.Phase
	for _, kind := range probe.PhaseKinds() {
		if length, ok := took[kind]; ok {
			end := start.Add(micros(length))
			phases = append(phases, probe.Phase{Kind: kind, Start: start, End: end})
			start = end
		}
	}
	return phases
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

func unixOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func timeOrZero(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// addDetails adds the details to runs that an earlier batch stored without them.
func addDetails(ctx context.Context, tx *sql.Tx, details []*detail) error {
	for _, d := range details {
		text, err := d.text()
		if err != nil {
			return fmt.Errorf("write the detail of a run of %s: %w", d.probe, err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET detail = ? WHERE ended = ? AND trace = ?`,
			text, d.end.UnixMicro(), d.trace[:]); err != nil {
			return fmt.Errorf("write the detail of a run of %s: %w", d.probe, err)
		}
	}
	return nil
}
