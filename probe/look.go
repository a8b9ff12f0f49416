package probe

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"squarewatch/probe/blame"
)

// LookKind is what a look asks.
type LookKind string

// The kinds of looks.
const (
	LookConnectivity      LookKind = "connectivity"       // does another address accept connections?
	LookResolver          LookKind = "resolver"           // does the resolver resolve other names?
	LookProxy             LookKind = "proxy"              // does our own proxy answer at all?
	LookWithoutCredential LookKind = "without_credential" // does an endpoint answer without a credential too?
	LookElsewhere         LookKind = "elsewhere"          // does an address that does not exist get the same page?
)

// Look is an extra question that helps to find whose fault a failure is. It sends no credential, changes nothing, and takes at most two
// seconds. A result has the looks that its run made; other runs may use the answer too.
type Look struct {
	Kind   LookKind
	Span   SpanID // of its request to the target; zero for a look that makes none
	Start  time.Time
	End    time.Time
	Passed bool   // the answer to the question is yes
	Text   string // what was seen, for people, without secrets
}

// lookTimeout limits one look. A run makes at most two.
const lookTimeout = 2 * time.Second

// LongestLooks is how much longer than [Probe.Longest] a failed run can take: its looks, and a second for all else.
const LongestLooks = 2*lookTimeout + time.Second

// Pauses between two looks of a kind at the same subject.
const (
	targetPause = 10 * time.Second // requests to the target
	ownPause    = time.Second      // checks of our own network, proxy and resolver, which may change between two runs
)

// lookKind is one kind of look. ask writes what was seen into the observation. It returns no look if it used an earlier answer.
type lookKind struct {
	wanted func(x *run, o *blame.Observation) bool
	ask    func(ctx context.Context, x *run, o *blame.Observation) []Look
}

// lookKinds lists the kinds. To add one, write a file look_NAME.go and add a line here.
func (r *Runner) lookKinds() []lookKind {
	return []lookKind{
		{r.connectivityLook.wanted, r.connectivityLook.ask},
		{r.resolverLook.wanted, r.resolverLook.ask},
		{r.proxyLook.wanted, r.proxyLook.ask},
		{r.withoutCredentialLook.wanted, r.withoutCredentialLook.ask},
		{r.elsewhereLook.wanted, r.elsewhereLook.ask},
	}
}

// judge passes what the run shows to the judge, and sets whose fault its failure is. A run that was stopped shows nothing.
func (x *run) judge(ctx context.Context) *blame.Observation {
	if x.result.Class == ClassNone {
		return nil
	}
	o, runner := x.observe(), x.job.runner
	x.makeLooks(ctx, o)
	runner.withoutCredentialLook.learn(x, o)
	runner.cuts.learn(x)
	runner.judge.Observe(o)
	verdict := runner.judge.Verdict(o)
	x.result.Blame, x.result.Evidence, x.result.Advice = verdict.Culprit, verdict.Evidence, verdict.Advice
	return o
}

// makeLooks asks what is missing to tell whose fault a failure is. A run that squarewatch stops asks nothing.
func (x *run) makeLooks(ctx context.Context, o *blame.Observation) {
	if x.result.Expected || ctx.Err() != nil {
		return
	}
	for _, kind := range x.job.runner.lookKinds() {
		if kind.wanted(x, o) {
			x.result.Looks = append(x.result.Looks, kind.ask(ctx, x, o)...)
		}
	}
}

// seen is an answer to a question, with its times.
type seen[T any] struct {
	start, end time.Time
	what       T
}

// isFresh reports whether an answer is less than ownPause old, or was asked for since the last attempt of a run began and is less than
// downMaxAge old.
func (s seen[T]) isFresh(x *run) bool {
	age := time.Since(s.end)
	return age < ownPause || age < downMaxAge && !s.start.Before(x.last().Start)
}

// memo remembers the newest answer about each subject. At most one question about a subject is asked at a time.
type memo[T any] struct {
	mu       sync.Mutex
	subjects map[string]*remembered[T]
}

// remembered is what a memo knows about a subject.
type remembered[T any] struct {
	seen[T]

	asking chan struct{} // closed when the running question is answered; nil when none runs
}

// ask returns the remembered answer if it is still useful, and asks otherwise. It waits for a question that already runs. It reports
// whether it asked itself. If ctx ends while it waits, it returns the previous answer.
func (m *memo[T]) ask(
	ctx context.Context, subject string, useful func(seen[T]) bool, question func(ctx context.Context) T,
) (answer seen[T], asked bool) {
	m.mu.Lock()
	if m.subjects == nil {
		m.subjects = map[string]*remembered[T]{}
	}
	known := m.subjects[subject]
	if known == nil {
		known = &remembered[T]{}
		m.subjects[subject] = known
	}
	if asking := known.asking; asking != nil {
		m.mu.Unlock()
		select {
		case <-asking:
		case <-ctx.Done():
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		return known.seen, false
	}
	defer m.mu.Unlock()
	if !known.end.IsZero() && useful(known.seen) {
		return known.seen, false
	}
	m.questionLocked(ctx, known, question)
	return known.seen, true
}

// questionLocked asks without the lock. It ignores the end of ctx, because a stop of squarewatch must not look like a failure.
func (m *memo[T]) questionLocked(ctx context.Context, known *remembered[T], question func(ctx context.Context) T) {
	asking := make(chan struct{})
	known.asking = asking
	m.mu.Unlock()
	answer := known.seen
	defer func() { // also after a panic
		m.mu.Lock()
		known.seen, known.asking = answer, nil
		close(asking)
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	start := time.Now()
	what := question(ctx)
	answer = seen[T]{start: start, end: time.Now(), what: what}
}

// get requests an address of the target for a look, without a credential, over a new connection. It follows no redirect.
// If the answer was cut short, only head has its status.
func (r *Runner) get(ctx context.Context, x *run, out request, header http.Header) (got answer, head int, span SpanID, err error) {
	span = r.options.Identifiers.NewAttempt(x.result.Trace, header)
	got, head, err = r.requestOnce(ctx, out, header)
	return got, head, span, err
}

// requestOnce makes one request over a new connection, with the limits of an attempt, and once more if the server asks for HTTP/1.1.
func (r *Runner) requestOnce(ctx context.Context, out request, header http.Header) (got answer, head int, err error) {
	if got, head, err = r.requestVersion(ctx, out, header); requiresHTTP1(err) && !out.http1 {
		out.http1 = true
		return r.requestVersion(ctx, out, header)
	}
	return got, head, err
}

// requestVersion makes one request. It limits the connections to a server that closes every one.
func (r *Runner) requestVersion(ctx context.Context, out request, header http.Header) (got answer, head int, err error) {
	sending, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := &stopwatch{cancel: cancel, resent: func() {}}
	got = answer{body: new(bytes.Buffer)}
	var a Attempt
	err = r.exchange(httptrace.WithClientTrace(sending, watch.hooks()), Fresh, out, header, &got, &a)
	return got, a.Code, err
}
