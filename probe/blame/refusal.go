package blame

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// refusals is what is known of the refusals of one credential.
type refusals struct {
	o         *Observation
	principal *principal
	since     time.Time // end of the first refusal
	all       int       // refusals of all its probes
	foreign   int       // refusals that the API itself did not give
	elsewhere bool      // every address gets one of them
	denials   int       // 401 from the API itself
	refusing  int       // probes that got such a 401
	ofAccount *failure  // the newest refusal that says that the account or the key is not good; nil for none
}

// weighRefusal weighs what is known about a refused request: was it our credential, our role, the login service, a gateway, or the API?
func (m *memory) weighRefusal(o *Observation) []point {
	r := m.refusalsOf(o)
	points := []point{}
	add := func(c Culprit, weight int, at time.Time, format string, arguments ...any) {
		if weight > 0 {
			points = append(points, point{Evidence{c, fmt.Sprintf(format, arguments...), at}, weight})
		}
	}
	r.weighGateway(add)
	if o.Credential == "" {
		add(API, 30, o.End, "it refused a request that needs no credential")
		return points
	}
	unavailable := r.weighRenewal(add)
	r.weighWords(add)
	m.weighAcceptance(r, add)
	if !unavailable {
		m.weighOthers(r, add)
	}
	return points
}

// adder adds a point.
type adder func(c Culprit, weight int, at time.Time, format string, arguments ...any)

// refusalsOf gathers the refusals of a credential at the time of an observation.
func (m *memory) refusalsOf(o *Observation) *refusals {
	r := &refusals{o: o, principal: m.principal(o.Credential)}
	for _, h := range r.principal.probes {
		if o.Credential == "" && h.probe != o.Probe {
			continue
		}
		denials := r.denials
		for f := range h.recent(o.End, Refused, Forbidden) {
			r.count(f)
			r.since = earlier(r.since, h.since)
		}
		if r.denials > denials {
			r.refusing++
		}
	}
	if r.all == 0 { // the run itself was not observed
		f := failureOf(o)
		r.count(&f)
		r.since, r.refusing = o.End, r.denials
	}
	return r
}

// count counts one refusal.
func (r *refusals) count(f *failure) {
	r.all++
	r.elsewhere = r.elsewhere || f.elsewhere && f.isForeign()
	switch {
	case f.isForeign():
		r.foreign++
	case f.outcome == Refused:
		r.denials++
	}
	if n := r.ofAccount; f.ofAccount && (n == nil || cmp.Or(f.end.Compare(n.end), strings.Compare(f.words, n.words)) > 0) {
		r.ofAccount = f
	}
}

// weighGateway weighs the refusals that the API itself did not give.
func (r *refusals) weighGateway(add adder) {
	if r.foreign == 0 {
		return
	}
	add(Gateway, 70*r.foreign/r.all, r.o.End,
		"the refusal is not the API's: it is a page, or asks for another way to authenticate (%d of %d)", r.foreign, r.all)
	if r.elsewhere {
		add(Gateway, 20, r.o.End, "every address gets the same answer, also one that does not exist")
	}
}

// weighRenewal weighs what the login service said. It reports whether the service gave no token, and did not blame the credential.
func (r *refusals) weighRenewal(add adder) (unavailable bool) {
	renewal := r.principal.renewal
	switch {
	case renewal.At.IsZero() || r.o.End.Sub(renewal.At) > window && (!renewal.Renewed || !r.o.NewToken):
	case renewal.Renewed && r.o.NewToken && renewal.LoggedIn:
		add(API, 30, renewal.At, "it refuses a token that its own login has just issued")
	case renewal.Renewed && r.o.NewToken:
		add(API, 15, renewal.At, "it refuses a token that was just refreshed")
	case renewal.Renewed:
	case renewal.Page && renewal.Refused:
		add(Gateway, 70, renewal.At, "the login was answered by a page, not by the API%s", afterColon(renewal.Words))
	case renewal.Refused:
		add(Credential, 50, renewal.At, "the login service refused it%s", afterColon(renewal.Words))
	default:
		add(LoginService, 70, renewal.At, "the login service gives no token%s", afterColon(renewal.Words))
		return true
	}
	return false
}

// weighWords weighs the API's own words about the refusal.
func (r *refusals) weighWords(add adder) {
	if saysNoCredential(r.o.Words) && !r.o.NewToken {
		add(Gateway, 40, r.o.End, "we sent a credential, and the API says that none came: something before the API may have removed it")
	}
	if f := r.ofAccount; f != nil {
		add(Credential, 40, f.end, "the API says: %s", f.words)
		return
	}
	if r.o.Outcome == Forbidden {
		add(Role, 15, r.o.End, "it is known, but not allowed to do this%s", afterColon(r.o.Words))
	}
}

// weighAcceptance weighs whether endpoints accepted the credential after it was first refused, and which ones.
func (m *memory) weighAcceptance(r *refusals, add adder) {
	witness, unproven, same := "", "", false
	var at time.Time
	for _, h := range r.principal.probes {
		if !h.acceptedAfter(r.since, r.o.End) {
			continue
		}
		open, known := m.servesWithoutCredential(h.probe, r.o.End)
		refusedBefore := h.refusedLately(r.o.End) && h.since.Before(h.accepted) // so it does check the credential
		switch {
		case open:
			continue
		case known, refusedBefore:
			witness, at = first(witness, h.probe), later(at, h.accepted)
			same = same || h.probe == r.o.Probe
		default:
			unproven, at = first(unproven, h.probe), later(at, h.accepted)
		}
	}
	switch {
	case r.o.Outcome == Forbidden && same:
		add(API, 45, at, "%s is allowed and refused by turns", r.o.Probe)
	case r.o.Outcome == Forbidden && first(witness, unproven) != "":
		add(Role, 15, at, "%s is accepted with the same credential", first(witness, unproven))
	case witness != "":
		add(API, 45, at, "%s is accepted with the same credential", witness)
		if same {
			add(API, 15, at, "%s is accepted and refused by turns", r.o.Probe)
		}
	case unproven != "":
		add(API, 25, at, "%s is accepted with the same credential", unproven)
	default:
		m.weighUnanimity(r, add)
	}
}

// weighUnanimity weighs that no endpoint accepts the credential. This does not count against the credential if the login service was asked
// in the window and did not refuse it, because that answer shows more.
func (m *memory) weighUnanimity(r *refusals, add adder) {
	if m.guardGranted.After(m.guardDenied) {
		add(API, 10, m.guardGranted, "it does not refuse requests that it must refuse")
	}
	if name := r.principal.failsAfterRefusal(r.o.End); name != "" {
		add(API, 30, r.o.End, "%s refuses it and fails by turns", name)
	}
	renewal := r.principal.renewal
	if r.o.Outcome == Forbidden || !renewal.At.IsZero() && r.o.End.Sub(renewal.At) <= window && !renewal.Refused {
		return
	}
	switch {
	case r.refusing > 1:
		add(Credential, 20, r.o.End, "no endpoint accepts it: %d refuse it", r.refusing)
	case r.denials > 1:
		add(Credential, 8, r.o.End, "it was refused %d times in a row", r.denials)
	default:
		return
	}
	if !m.guardDenied.IsZero() {
		add(Credential, 5, m.guardDenied, "the API refuses requests of guarded probes, as it must")
	}
}

// weighOthers weighs whether another credential of ours began to be refused in the same minute. Two credentials
// rarely become invalid at the same time, so this speaks for a fault of the API.
func (m *memory) weighOthers(r *refusals, add adder) {
	since := r.principal.refusedByAPISince(r.o.End)
	if since.IsZero() {
		return
	}
	var at time.Time
	for name, other := range m.credentials {
		if other == r.principal || name == "" || other.renewal.unavailable(r.o.End) {
			continue
		}
		if dead := other.refusedByAPISince(r.o.End); !dead.IsZero() && dead.Sub(since).Abs() < recently {
			at = later(at, later(dead, since))
		}
	}
	if !at.IsZero() {
		add(API, 150, at, "another credential of ours is refused since the same minute, and two rarely become invalid at the same time")
	}
}

// refusedByAPISince returns since when the API itself refuses a credential; zero if it was accepted after that.
func (p *principal) refusedByAPISince(at time.Time) time.Time {
	var since time.Time
	for _, h := range p.probes {
		if !h.denied.IsZero() && h.refusedLately(at) {
			since = earlier(since, h.denied)
		}
	}
	if since.IsZero() {
		return since
	}
	for _, h := range p.probes {
		if h.acceptedAfter(since, at) {
			return time.Time{}
		}
	}
	return since
}

// failsAfterRefusal returns the name of a probe that met a server error of the API after the API had refused the credential; "" for none.
func (p *principal) failsAfterRefusal(at time.Time) (name string) {
	for _, h := range p.probes {
		failed := false
		for i := range h.failures { // newest first
			f := &h.failures[i]
			failed = failed || f.outcome == ServerError && !f.page
			if failed && f.isDenial() && at.Sub(f.end) <= window {
				name = first(name, h.probe)
			}
		}
	}
	return name
}

// unavailable reports whether the newest renewal failed for another reason than the credential.
func (r *Renewal) unavailable(at time.Time) bool {
	return !r.At.IsZero() && at.Sub(r.At) <= window && !r.Renewed && !r.Refused && !r.Page
}

// unprovenWitness returns the name of a probe that was accepted with a credential after a refusal, if it is not known whether its endpoint
// checks credentials.
func (m *memory) unprovenWitness(credential string, at time.Time) string {
	p, name := m.credentials[credential], ""
	if p == nil || credential == "" {
		return ""
	}
	var since time.Time
	for _, h := range p.probes {
		if len(h.failures) > 0 && (since.IsZero() || h.since.Before(since)) {
			since = h.since
		}
	}
	for _, h := range p.probes {
		_, known := m.servesWithoutCredential(h.probe, at)
		if !known && len(h.failures) == 0 && !since.IsZero() && h.acceptedAfter(since, h.accepted) {
			name = first(name, h.probe)
		}
	}
	return name
}

// first returns the name that comes first in the alphabet. An empty name comes last.
func first(a, b string) string {
	if a == "" || b != "" && b < a {
		return b
	}
	return a
}

// afterColon returns a colon, a space and the words; nothing without words.
func afterColon(words string) string {
	if words == "" {
		return ""
	}
	return ": " + words
}

// saysAccount reports whether the API's words say that the account or the key itself is not good, and not only the token. The codes are
// those of djangorestframework-simplejwt (authentication.py: user_not_found, user_inactive; serializers.py: no_active_account); the
// phrases are those of API keys.
// https://github.com/jazzband/djangorestframework-simplejwt/blob/master/rest_framework_simplejwt/authentication.py
func saysAccount(words string) bool {
	words = strings.ToLower(words)
	for _, known := range []string{
		"user_inactive", "user_not_found", "no_active_account", "user is inactive", "user not found", "user inactive", "account is disabled",
		"account disabled", "no active account",
	} {
		if strings.Contains(words, known) {
			return true
		}
	}
	if !strings.Contains(words, "key") {
		return false
	}
	for _, state := range []string{"invalid", "revoked", "expired", "disabled", "inactive", "unknown", "deleted"} {
		if strings.Contains(words, state) {
			return true
		}
	}
	return false
}

// saysNoCredential reports whether the API's words say that no credential came with the request. They are those of Django REST framework:
// NotAuthenticated in https://github.com/encode/django-rest-framework/blob/master/rest_framework/exceptions.py.
func saysNoCredential(words string) bool {
	words = strings.ToLower(words)
	return strings.Contains(words, "credentials were not provided") || strings.Contains(words, "not_authenticated")
}
