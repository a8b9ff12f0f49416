package statuspage

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
	"squarewatch/probe/history"
)

// RunPage is the page of one run.
type RunPage struct {
	Head

	Trace      string        `json:"trace"`
	Probe      string        `json:"probe"`
	Kind       CellKind      `json:"kind"`
	What       string        `json:"what"`
	Reason     string        `json:"reason,omitempty"`
	Excerpt    string        `json:"excerpt,omitempty"`
	Intended   time.Time     `json:"intended"`
	Start      time.Time     `json:"start"`
	End        time.Time     `json:"end"`
	Late       time.Duration `json:"late_ns"` // how long after its due time it started
	Latency    time.Duration `json:"latency_ns"`
	Attempts   []Attempt     `json:"attempts"`
	Looks      []Reason      `json:"looks"` // extra checks that looked for the culprit
	Credential string        `json:"credential,omitempty"`
	Issued     time.Time     `json:"issued,omitzero"` // when its token was issued
	Blame      string        `json:"blame,omitempty"`
	Reasons    []Reason      `json:"reasons"`
	Advice     string        `json:"settle,omitempty"`
	Request    *Request      `json:"request,omitempty"` // of the probe as it is configured now; absent when it was removed
	Curl       Curl          `json:"curl,omitzero"`
	TraceURL   string        `json:"trace_url,omitempty"`
	Fate       TraceFate     `json:"collector"`
}

// TraceFate says whether the collector of traces has the trace of a run.
type TraceFate struct {
	State string `json:"state"` // off, not_kept, waiting, lost or sent; empty when it is unknown
	Why   string `json:"why,omitempty"`
}

// Attempt is one exchange of a run.
type Attempt struct {
	Cause    probe.Cause   `json:"cause"`
	Request  string        `json:"request"`
	What     string        `json:"what"`
	Error    string        `json:"error,omitempty"`
	Took     time.Duration `json:"took_ns"`
	Protocol string        `json:"protocol,omitempty"`
	Peer     string        `json:"peer,omitempty"`
	Reused   bool          `json:"reused,omitempty"`
	Size     int64         `json:"size"`
	Phases   []Phase       `json:"phases"`
}

// Phase is a part of an attempt, with its place in the waterfall of the run.
type Phase struct {
	Kind  probe.PhaseKind `json:"kind"`
	Took  time.Duration   `json:"took_ns"`
	X     int             `json:"-"`
	Width int             `json:"-"`
}

// isTrace reads the identifier of a trace, and reports whether it is one.
func isTrace(id *probe.TraceID, text string) bool {
	return id.UnmarshalText([]byte(text)) == nil && id.IsValid()
}

// NewRunPage makes the page of a run. It returns false when nothing is kept of a run with this trace.
func NewRunPage(ctx context.Context, s *Snapshot, source *Source, trace string) (*RunPage, bool, error) {
	var id probe.TraceID
	store := source.History()
	if store == nil || !isTrace(&id, trace) {
		return nil, false, nil
	}
	r, err := store.Run(ctx, id)
	if errors.Is(err, history.ErrNoRun) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	page := runPageOf(r)
	page.Head = headOf(s, r.Probe+": "+page.What, map[CellKind]string{CellBad: "bad", CellGood: "good", CellRefused: "good"}[page.Kind])
	if s.TraceURL != "" {
		page.TraceURL = strings.ReplaceAll(s.TraceURL, "{trace_id}", page.Trace)
	}
	if source.Fate != nil {
		page.Fate = source.Fate(r)
	}
	if i := slices.IndexFunc(s.Probes, func(p Probe) bool { return p.Settings.Name == r.Probe }); i >= 0 {
		request := requestOf(&s.Probes[i], s.Now)
		page.Request, page.Curl = &request, curlOf(s.URL, s.Probes[i].Settings)
	}
	return page, true, nil
}

// runPageOf describes a run.
func runPageOf(r *probe.Result) *RunPage {
	page := &RunPage{
		Trace: r.Trace.String(), Probe: r.Probe, Kind: kindOf(r), What: outcome(r.Class, r.Code), Reason: foreign(r.Reason, cutExcerpt),
		Excerpt: foreign(r.Excerpt, cutExcerpt), Intended: r.Intended, Start: r.Start, End: r.End, Late: max(r.Lateness(), 0),
		Latency: r.Latency(), Credential: foreign(r.Credential, cutName), Issued: r.CredentialIssued, Advice: foreign(r.Advice, cutExcerpt),
		Blame: (&alert.Incident{Blame: r.Blame, Blamed: r.Credential}).Culprit(wording()),
	}
	for _, e := range r.Evidence {
		page.Reasons = append(page.Reasons, Reason{Text: foreign(e.Text, cutExcerpt), At: e.At})
	}
	for _, l := range r.Looks {
		page.Looks = append(page.Looks, Reason{Text: foreign(string(l.Kind)+": "+l.Text, cutExcerpt), At: l.End})
	}
	for i := range r.Attempts {
		page.Attempts = append(page.Attempts, attemptOf(&r.Attempts[i], r.Start, r.End))
	}
	return page
}

// attemptOf describes an attempt of a run that lasted from begin to end.
func attemptOf(a *probe.Attempt, begin, end time.Time) Attempt {
	shown := Attempt{
		Cause: a.Cause, Request: foreign(a.Method+" "+a.URL, cutExcerpt), What: outcome(a.Class, a.Code), Error: foreign(a.Error, cutExcerpt),
		Took: a.End.Sub(a.Start), Protocol: foreign(a.Protocol, cutName), Peer: foreign(a.Peer, cutName), Reused: a.Reused, Size: a.Size,
	}
	for _, p := range a.Phases {
		x := across(p.Start, begin, end)
		shown.Phases = append(shown.Phases, Phase{Kind: p.Kind, Took: p.End.Sub(p.Start), X: x, Width: max(across(p.End, begin, end)-x, 2)})
	}
	return shown
}

// CredentialAge returns how old the token of the last request was when the run ended.
func (page *RunPage) CredentialAge() string { return lasting(page.End.Sub(page.Issued)) }
