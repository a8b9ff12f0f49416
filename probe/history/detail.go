package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"squarewatch/probe"
)

// detailJSON is what the column detail holds. Times and durations are in microseconds; a start counts from the start of the run.
type detailJSON struct {
	Attempts []attemptJSON `json:"attempts"`
	Looks    []lookJSON    `json:"looks,omitempty"`
	Issued   int64         `json:"issued,omitempty"` // Unix time of the issue of the credential, where it is known
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
	Certificate int64                     `json:"certificate,omitempty"` // Unix time of the first end of a certificate
}

type lookJSON struct {
	Kind   probe.LookKind `json:"kind"`
	Start  int64          `json:"start"`
	Took   int64          `json:"took"`
	Passed bool           `json:"passed"`
	Text   string         `json:"text"`
}

// detailText returns the detail of a run as its column stores it.
func detailText(r *probe.Result) (sql.NullString, error) {
	detail := detailJSON{Issued: unixOrZero(r.CredentialIssued), Attempts: make([]attemptJSON, 0, len(r.Attempts))}
	for i := range r.Attempts {
		a := &r.Attempts[i]
		phases := make(map[probe.PhaseKind]int64, len(a.Phases))
		for _, p := range a.Phases {
			phases[p.Kind] += p.End.Sub(p.Start).Microseconds()
		}
		detail.Attempts = append(detail.Attempts, attemptJSON{
			Cause: a.Cause, Method: a.Method, URL: a.URL, Start: a.Start.Sub(r.Start).Microseconds(), Took: a.End.Sub(a.Start).Microseconds(),
			Phases: phases, Class: a.Class, Code: a.Code, Error: a.Error, ErrorKind: a.ErrorKind, Protocol: a.Protocol, Peer: a.Peer,
			Reused: a.Reused, Size: a.Size, Certificate: unixOrZero(a.CertificateExpiry),
		})
	}
	for _, l := range r.Looks {
		detail.Looks = append(detail.Looks, lookJSON{
			Kind: l.Kind, Start: l.Start.Sub(r.Start).Microseconds(), Took: l.End.Sub(l.Start).Microseconds(), Passed: l.Passed, Text: l.Text,
		})
	}
	text, err := json.Marshal(detail)
	return sql.NullString{String: string(text), Valid: true}, err
}

// readDetail sets what detailText stored. The result must have its start.
func readDetail(r *probe.Result, text string) error {
	var detail detailJSON
	if err := json.Unmarshal([]byte(text), &detail); err != nil {
		return fmt.Errorf("read the detail of a run: %w", err)
	}
	r.CredentialIssued = timeOrZero(detail.Issued)
	for _, a := range detail.Attempts {
		start := r.Start.Add(micros(a.Start))
		r.Attempts = append(r.Attempts, probe.Attempt{
			Cause: a.Cause, Method: a.Method, URL: a.URL, Start: start, End: start.Add(micros(a.Took)),
			Phases: phasesFrom(start, a.Phases), Class: a.Class, Code: a.Code, Error: a.Error, ErrorKind: a.ErrorKind, Protocol: a.Protocol,
			Peer: a.Peer, Reused: a.Reused, Size: a.Size, CertificateExpiry: timeOrZero(a.Certificate),
		})
	}
	for _, l := range detail.Looks {
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

// addDetails writes the details of runs that an earlier batch stored without.
func addDetails(ctx context.Context, tx *sql.Tx, results []*probe.Result) error {
	for _, r := range results {
		text, err := detailText(r)
		if err != nil {
			return fmt.Errorf("write the detail of a run of %s: %w", r.Probe, err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET detail = ? WHERE ended = ? AND trace = ?`,
			text, r.End.UnixMicro(), r.Trace[:]); err != nil {
			return fmt.Errorf("write the detail of a run of %s: %w", r.Probe, err)
		}
	}
	return nil
}
