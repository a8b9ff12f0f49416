package probe

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"squarewatch/probe/blame"
)

// elsewhereLook is the look that asks for an address of the target that does not exist. If it gets the same page as a
// probe, a gateway, a firewall or a maintenance page answers for every address.
type elsewhereLook struct {
	checks memo[reply]
}

// reply is the part of an answer that is compared with another one.
type reply struct {
	class Class
	code  int
	page  bool
	json  bool
	cut   bool   // there was a head, but no complete body
	says  string // the title of a page, or the first line of a text
	err   error
	span  SpanID
}

// replyOf returns the part of an answer that is compared.
func (r *Runner) replyOf(got answer) reply {
	body := got.body.Bytes()
	return reply{
		class: ClassOfStatus(got.code), code: got.code, page: isPage(got.header, body) || r.redirectsToOtherOrigin(got), json: isJSON(body),
		says: r.secrets.Excerpt(body),
	}
}

// sameAs reports whether two answers are the same page or text. An answer to HEAD has no title to compare.
func (a reply) sameAs(b reply) bool {
	says := a.says == b.says || a.page && (a.says == "" || b.says == "")
	return a.err == nil && b.err == nil && a.class == b.class && a.page == b.page && !a.json && !b.json && says
}

// wanted reports whether an answer may be a page that every address gets. It may if it is HTML where JSON was due, or if it grants a
// guarded probe access and is not JSON. A 404 shows nothing, since every address that does not exist gets one. 502 and 504 are a gateway's
// in any case.
func (*elsewhereLook) wanted(x *run, o *blame.Observation) bool {
	switch o.Outcome { //nolint:exhaustive // the others have an answer
	case blame.Granted:
		return !isJSON(x.body())
	case blame.GatewayError, blame.NotResolved, blame.NotConnected, blame.NotAnswered, blame.Shortage:
		return false
	}
	return o.Page && o.Code != http.StatusNotFound
}

// ask fills Elsewhere. It asks again when the last answer differs and is older than the run.
func (e *elsewhereLook) ask(ctx context.Context, x *run, o *blame.Observation) []Look {
	r := x.job.runner
	mine := r.replyOf(x.got)
	mine.class, mine.page = ClassOfStatus(x.last().Code), o.Page
	prefix := firstSegment(x.job.request.url.Path)
	checked, asked := e.checks.ask(ctx, prefix, func(last seen[reply]) bool {
		if !last.what.sameAs(mine) {
			return last.isFresh(x)
		}
		return time.Since(last.end) < targetPause
	}, func(ctx context.Context) reply { return r.requestUnknownPath(ctx, x, prefix) })
	o.Elsewhere = checked.what.sameAs(mine) || x.isCut() && checked.what.cut && checked.what.class == mine.class
	switch {
	case o.Outcome != blame.Granted:
	case x.isCut():
		x.correctCutBreach(o, checked.what.cut)
	case o.Elsewhere, o.Page && (checked.what.err != nil || x.job.refusesWithJSON.Load()):
		x.correctPageBreach(o)
	}
	if !asked {
		return nil
	}
	look := Look{
		Kind: LookElsewhere, Span: checked.what.span, Start: checked.start, End: checked.end, Passed: o.Elsewhere,
		Text: fmt.Sprintf("a made-up address answers %d", checked.what.code),
	}
	switch {
	case checked.what.err != nil:
		look.Text = "a made-up address did not answer: " + r.secrets.Error(checked.what.err)
	case checked.what.page:
		look.Text += " with a page"
	}
	return []Look{look}
}

// firstSegment returns the first segment of a path, with a slash on both sides. Gateways choose what answers by the start of the path.
func firstSegment(path string) string {
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if rest == "" {
		return "/"
	}
	return "/" + first + "/"
}

// requestUnknownPath requests an address that does not exist.
func (r *Runner) requestUnknownPath(ctx context.Context, x *run, prefix string) reply {
	var name [8]byte
	_, _ = rand.Read(name[:]) // never fails: https://pkg.go.dev/crypto/rand#Read
	target := r.options.Target.ResolveReference(&url.URL{Path: prefix + "squarewatch-" + hex.EncodeToString(name[:]) + "/"})
	got, head, span, err := r.get(ctx, x, request{method: http.MethodGet, url: target}, r.header.Clone())
	made := reply{err: err, class: ClassOfStatus(head), cut: err != nil && head != 0}
	if err == nil {
		made = r.replyOf(got)
	}
	made.span = span
	return made
}

// correctPageBreach corrects a breach by a page that is not the API's own. Such a page grants nothing. While it is not known whether every
// address gets a page, the next run decides.
func (x *run) correctPageBreach(o *blame.Observation) {
	r := x.result
	r.Breach, o.Outcome, o.Foreign = false, blame.WrongAnswer, true
	switch {
	case o.Elsewhere:
		r.Reason += "; an address that does not exist gets the same, for example a maintenance page, so access was not granted"
	case x.job.refusesWithJSON.Load():
		r.Reason += "; it is a page, and the API answers with JSON here, so access was not granted by the API"
	default:
		r.Reason += "; it is a page, and the API answers with JSON; it is not known yet whether every address gets it"
	}
}

// correctCutBreach corrects a breach by an answer that was cut short, unless it shows that access was granted. everywhere says that an
// address that does not exist gets such an answer too.
func (x *run) correctCutBreach(o *blame.Observation, everywhere bool) {
	why := x.job.runner.cuts.whyNotGranted(x)
	if everywhere {
		why = "an address that does not exist gets an answer that is cut short too, so access was not granted"
	}
	if why != "" {
		x.result.Breach, o.Outcome = false, blame.NotAnswered
		x.result.Reason += "; " + why
	}
}
