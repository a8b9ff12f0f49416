package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/config"
	"squarewatch/probe"
)

// liveLimit is how long check --live waits for one answer.
const liveLimit = 20 * time.Second

// liveCheck is the outcome of one question of check --live.
type liveCheck struct {
	What  string `json:"what"`  // what was asked
	Works *bool  `json:"works"` // null when nothing was asked
	Says  string `json:"says"`  // the answer, or why it failed or was not asked
}

func works(what, says string) liveCheck { return liveCheck{What: what, Works: new(true), Says: says} }

func fails(what, says string) liveCheck {
	return liveCheck{What: what, Works: new(false), Says: says}
}

func notAsked(what, says string) liveCheck { return liveCheck{What: what, Says: says} }

func anyFailed(all []liveCheck) bool {
	return slices.ContainsFunc(all, func(c liveCheck) bool { return c.Works != nil && !*c.Works })
}

// liveText has one line for each question.
func liveText(d display, all []liveCheck) string {
	var out strings.Builder
	for _, c := range all {
		word := "not asked"
		if c.Works != nil {
			word = map[bool]string{true: "works", false: "FAILS"}[*c.Works]
		}
		out.WriteString(d.line(fmt.Sprintf("%s: %s: %s", c.What, word, strings.ReplaceAll(c.Says, "\n", "; ")), "  "))
	}
	return out.String()
}

// printLive prints one line for each question and returns errPrinted when a check failed.
func printLive(d display, all []liveCheck) error {
	if err := d.write(liveText(d, all)); err != nil {
		return err
	}
	if anyFailed(all) {
		return errPrinted
	}
	return nil
}

// The kinds of questions of check --live.
const (
	liveTarget       = "target"
	liveCredential   = "credential"
	liveCollector    = "collector"
	liveNotifier     = "notifier"
	liveConnectivity = "connectivity"
	liveSpool        = "spool"
	liveHeartbeat    = "heartbeat"
)

// question is one question of check --live. The field What of each answer begins with the kind.
type question struct {
	kind string
	ask  func(context.Context) []liveCheck
}

// questions returns what can be asked about a file.
func questions(cfg *config.Config) []question {
	list := []question{{liveTarget, func(ctx context.Context) []liveCheck { return askTarget(ctx, cfg) }}}
	for _, name := range sortedKeys(cfg.Credentials) {
		list = append(list, question{liveCredential, func(ctx context.Context) []liveCheck { return []liveCheck{askCredential(ctx, cfg, name)} }})
	}
	list = append(list, question{liveCollector, func(ctx context.Context) []liveCheck { return askCollector(ctx, cfg) }})
	for _, name := range sortedKeys(cfg.Notifiers) {
		list = append(list, question{liveNotifier, func(ctx context.Context) []liveCheck { return []liveCheck{askNotifier(ctx, cfg, name)} }})
	}
	if cfg.Connectivity.Address != "" {
		list = append(list, question{liveConnectivity, func(ctx context.Context) []liveCheck { return askConnectivity(ctx, cfg) }})
	}
	if cfg.Traced && cfg.Telemetry.Spool > 0 && cfg.StateDir != "" {
		list = append(list, question{liveSpool, func(context.Context) []liveCheck { return askSpool(cfg) }})
	}
	if !cfg.Heartbeat.URL.IsZero() {
		list = append(list, question{liveHeartbeat, func(ctx context.Context) []liveCheck { return askHeartbeat(ctx, cfg) }})
	}
	return list
}

// checkLive asks every service that the file names, or those of some kinds, all at the same time. It posts no message and starts no
// incident.
func checkLive(ctx context.Context, cfg *config.Config, kinds ...string) []liveCheck {
	list := slices.DeleteFunc(questions(cfg), func(q question) bool { return len(kinds) > 0 && !slices.Contains(kinds, q.kind) })
	answers := make([][]liveCheck, len(list))
	var asking sync.WaitGroup
	for i, q := range list {
		asking.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, liveLimit)
			defer cancel()
			answers[i] = q.ask(ctx)
		})
	}
	asking.Wait()
	return slices.Concat(answers...)
}

// runLive runs a probe once.
func runLive(ctx context.Context, cfg *config.Config, p *probe.Probe) (*probe.Result, error) {
	runner, jobs, err := newJobs(cfg, []probe.Probe{*p}, probe.RunnerOptions{})
	if err != nil {
		return nil, err
	}
	defer runner.Close()
	defer context.AfterFunc(ctx, runner.CancelRenewals)()
	return jobs[0].Run(ctx, time.Now()), nil
}

// askTarget resolves the target, connects to it and sends one request without a credential. Any complete answer passes, whatever its
// status.
func askTarget(ctx context.Context, cfg *config.Config) []liveCheck {
	what := liveTarget + " " + cfg.Target.Host
	p := probe.Probe{Name: "check-live", Path: "/", Method: http.MethodGet}
	probe.DefaultDefaults().Apply(&p)
	r, err := runLive(ctx, cfg, &p)
	if err != nil {
		return []liveCheck{fails(what, err.Error())}
	}
	if r.Class.IsTransport() {
		return []liveCheck{fails(what, cmp.Or(r.Reason, r.Class.String()))}
	}
	first := r.FirstTry()[0]
	says := fmt.Sprintf("connected to %s and answered %d in %s", first.Peer, r.Code, milliseconds(r.Latency()))
	return []liveCheck{works(what, says)}
}

// askCredential uses a credential once. It runs the first probe that uses the credential, only reads (GET or HEAD) and expects 200. It
// logs in if the credential needs a login.
func askCredential(ctx context.Context, cfg *config.Config, name string) liveCheck {
	what := liveCredential + " " + name
	i := slices.IndexFunc(cfg.Probes, func(p probe.Probe) bool {
		return p.Credential == name && p.Guards == "" && (p.Method == http.MethodGet || p.Method == http.MethodHead) &&
			expectsSuccess(&p)
	})
	if i < 0 {
		return notAsked(what, "no probe with this credential only reads and expects 200")
	}
	p := cfg.Probes[i]
	p.Confirm = nil
	r, err := runLive(ctx, cfg, &p)
	switch {
	case err != nil:
		return fails(what, err.Error())
	case r.Expected:
		return works(what, fmt.Sprintf("%s answered %d", p.Name, r.Code))
	}
	says := []string{fmt.Sprintf("%s: %s", p.Name, r.Reason)}
	if r.Excerpt != "" {
		says[0] += ": " + r.Excerpt
	}
	for _, e := range r.Evidence {
		says = append(says, e.Text)
	}
	return fails(what, strings.Join(says, "; "))
}

// expectsSuccess reports whether a probe expects status 200.
func expectsSuccess(p *probe.Probe) bool {
	ok := probe.Outcome{Class: probe.Success, Code: http.StatusOK, Expected: true}
	return len(p.Expect.Status) == 0 || probe.MatchAny(p.Expect.Status, ok)
}

// askCollector sends an empty request for each signal.
func askCollector(ctx context.Context, cfg *config.Config) []liveCheck {
	list, err := cfg.Telemetry.OTLP.Destinations(os.Getenv)
	if err != nil {
		return []liveCheck{fails(liveCollector, err.Error())}
	}
	if len(list) == 0 {
		return []liveCheck{notAsked(liveCollector, "no collector is configured, so traces are not exported")}
	}
	answers := make([]liveCheck, 0, len(list))
	for i := range list {
		what := liveCollector + " for " + list[i].Signal
		if err := list[i].Ask(ctx); err != nil {
			answers = append(answers, collectorFault(what, list[i].Signal, err))
			continue
		}
		answers = append(answers, works(what, "accepted an empty request at "+list[i].URL))
	}
	return answers
}

// askNotifier asks a notifier whether it would accept messages.
func askNotifier(ctx context.Context, cfg *config.Config, name string) liveCheck {
	settings := cfg.Notifiers[name]
	what := fmt.Sprintf("%s %s (%s)", liveNotifier, name, settings.Kind)
	notifier, err := settings.Build(cfg)
	if err != nil {
		return fails(what, err.Error())
	}
	checker, ok := notifier.(outbox.Checker)
	if !ok {
		return notAsked(what, "this kind cannot be asked without a message; squarewatch notify "+name+" sends one")
	}
	says, err := checker.Check(ctx)
	if err == nil {
		return works(what, says)
	}
	failure, ok := errors.AsType[*outbox.DeliveryError](err)
	if ok && failure.Fix != "" {
		return fails(what, fmt.Sprintf("%v; to do: %s", failure.Err, failure.Fix))
	}
	return fails(what, err.Error())
}
