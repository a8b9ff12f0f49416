package probe

import (
	"errors"
	"net/http"
	"syscall"

	"squarewatch/probe/blame"
)

// observe returns what the run shows by itself. Looks add to it; see look.go.
func (x *run) observe() *blame.Observation {
	r := x.result
	last := x.last()
	o := &blame.Observation{
		Probe: r.Probe, Credential: r.Credential, Start: r.Start, End: last.End, Outcome: x.outcome(last), Code: r.Code,
		Page: isPage(x.got.header, x.body()), Foreign: isForeign(x.got.header), Cut: x.isCut(),
	}
	if r.Code == http.StatusServiceUnavailable && !isJSON(x.body()) { // also without a body: the API always answers with JSON
		o.Page = true
	}
	o.Page = o.Page || x.job.runner.redirectsToOtherOrigin(x.got)
	switch o.Outcome { //nolint:exhaustive // the others have nothing to add
	case blame.Refused, blame.Forbidden:
		if x.job.credential == "" || x.sent.Get("Authorization") != "" { // else the words are about a missing credential
			o.Words = x.job.runner.secrets.Words(x.body())
		}
	case blame.NotResolved:
		o.DNS = dnsKind(x.err)
	case blame.NotConnected:
		o.Link = linkKind(last.Class, x.err)
		if x.job.runner.behindProxy && saysNothing(last.Class, o.Link, x.err) {
			o.Link = blame.LinkProxySilent
		}
	case blame.NotAnswered:
		if errors.Is(x.err, syscall.ECONNRESET) {
			o.Link = blame.LinkRefused
		}
	}
	o.Renewal = x.credential.Renewal
	o.NewToken = r.Code == http.StatusUnauthorized && (x.credential.NewToken || x.job.pause.active())
	return o
}

// last returns the last attempt.
func (x *run) last() *Attempt { return &x.result.Attempts[len(x.result.Attempts)-1] }

// body returns the body of the last answer, as far as it was read.
func (x *run) body() []byte {
	if x.got.body == nil {
		return nil
	}
	return x.got.body.Bytes()
}

// outcome returns the outcome of the run.
func (x *run) outcome(last *Attempt) blame.Outcome {
	r := x.result
	switch {
	case r.Breach:
		return blame.Granted
	case r.Expected:
		return x.expectedOutcome()
	case x.shortage:
		return blame.Shortage
	case r.Class == ProtocolError && x.job.runner.behindProxy: // it may be the answer of the proxy
		return outcomeByPhase(last)
	case r.Class.IsTransport():
		return outcomeWithoutAnswer(last)
	}
	return x.unexpectedOutcome()
}

// expectedOutcome returns what an expected answer means. A page is not an answer of the API, so it does not show that a credential is
// accepted or refused.
func (x *run) expectedOutcome() blame.Outcome {
	r := x.result
	switch {
	case r.Class.IsTransport(), r.Class == ServerError, isPage(x.got.header, x.body()):
		return blame.Other
	case x.job.probe.Guards == GuardAccess:
		if isJSON(x.body()) {
			x.job.refusesWithJSON.Store(true)
		}
		return blame.Denied
	case r.Code == http.StatusUnauthorized, r.Code == http.StatusForbidden:
		return blame.Denied
	}
	return blame.Good
}

// unexpectedOutcome returns what an unexpected answer means. 502 and 504 come from a gateway: RFC 9110, sections 15.6.3 and 15.6.5. So do
// 520 to 530 from the content network Cloudflare:
// https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/.
func (x *run) unexpectedOutcome() blame.Outcome {
	r := x.result
	switch r.Code {
	case http.StatusUnauthorized:
		return blame.Refused
	case http.StatusForbidden:
		return blame.Forbidden
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return blame.GatewayError
	}
	switch {
	case r.Code >= 520 && r.Code <= 530:
		return blame.GatewayError
	case r.Class == ServerError:
		return blame.ServerError
	case r.Class == Success && x.authError != nil: // it may be good, but says nothing about the credential, which was not sent
		return blame.Other
	case r.Class == RateLimited && !isPage(x.got.header, x.body()): // we may ask too often
		return blame.Other
	}
	return blame.WrongAnswer
}

// outcomeWithoutAnswer returns how far an attempt without a complete answer came.
func outcomeWithoutAnswer(a *Attempt) blame.Outcome {
	switch a.Class { //nolint:exhaustive // the other classes had a connection
	case DNSError:
		return blame.NotResolved
	case ConnectError, TLSError:
		return blame.NotConnected
	case Timeout:
		return outcomeByPhase(a)
	}
	return blame.NotAnswered
}

// outcomeByPhase returns what an attempt was doing at its end.
func outcomeByPhase(a *Attempt) blame.Outcome {
	if len(a.Phases) == 0 {
		return blame.NotConnected
	}
	switch a.Phases[len(a.Phases)-1].Kind {
	case PhaseDNS:
		return blame.NotResolved
	case PhaseConnect, PhaseTLS:
		return blame.NotConnected
	case PhaseSend, PhaseWait, PhaseReceive:
	}
	return blame.NotAnswered
}
