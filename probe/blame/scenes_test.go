package blame_test

import (
	"time"

	. "squarewatch/probe/blame"
)

// scene is what was seen, the newest last, and who caused the last failure.
type scene struct {
	name string
	want Culprit
	says string // a part of the evidence or of the advice
	seen []Observation
}

func scenes() []scene {
	page := func(o *Observation) { o.Page = true }
	everywhere := func(o *Observation) { o.Page, o.Elsewhere = true, true }
	link := func(l Link) func(*Observation) { return func(o *Observation) { o.Link = l } }
	dns := func(d DNS) func(*Observation) { return func(o *Observation) { o.DNS = d } }
	fresh := func(o *Observation) { o.NewToken = true }
	return []scene{
		{"an expected answer", None, "", []Observation{at(0, "a", "k", Good)}},
		{"429", None, "", []Observation{at(0, "a", "k", Other)}},
		{"a shortage", Watcher, "descriptors", []Observation{at(0, "a", "", Shortage)}},

		{"500", API, "the API itself", []Observation{at(0, "a", "k", ServerError)}},
		{"502", Gateway, "a gateway", []Observation{at(0, "a", "k", GatewayError)}},
		{"503 as a page", Gateway, "a gateway", []Observation{
			with(at(0, "a", "k", ServerError), func(o *Observation) { o.Code, o.Page = 503, true }),
		}},
		{"500 as a page of Django", API, "the API itself", []Observation{
			with(at(0, "a", "k", ServerError), func(o *Observation) { o.Code, o.Page = 500, true }),
		}},

		{"a closed port", API, "refused the connection", []Observation{with(at(0, "a", "", NotConnected), link(LinkRefused))}},
		{"nothing answers, nothing is checked", Unknown, "connectivity: {address", []Observation{
			with(at(0, "a", "", NotConnected), link(LinkNoAnswer)),
		}},
		{"nothing answers, and our network works", API, "our network is fine: 1.1.1.1:53 answered", []Observation{
			with(with(at(0, "a", "", NotConnected), link(LinkNoAnswer)), connectivity(true)),
		}},
		{"neither the target nor anything else answers", Network, "1.1.1.1:53 could not be reached either", []Observation{
			with(with(at(0, "a", "", NotConnected), link(LinkNoAnswer)), connectivity(false)),
		}},
		{"nothing answers here, others get answers", API, "other runs got answers", []Observation{
			at(5, "b", "", Good), with(at(0, "a", "", NotConnected), link(LinkNoAnswer)),
		}},
		{"no route", Network, "no route", []Observation{with(at(0, "a", "", NotConnected), link(LinkNoRoute))}},
		{"our proxy says nothing, though our network is fine", Network, "answered nothing", []Observation{
			with(with(with(at(0, "a", "", NotConnected), link(LinkProxySilent)), connectivity(true)), proxy(false)),
		}},
		{"our proxy answers, and cannot reach the target", Unknown, "did not say", []Observation{
			with(with(with(at(0, "a", "", NotConnected), link(LinkProxySilent)), connectivity(true)), proxy(true)),
		}},
		{"a run began while our proxy said nothing", Network, "answered nothing", []Observation{
			with(with(at(0, "a", "", NotConnected), link(LinkProxySilent)), proxy(false)),
			at(22, "b", "", Good), with(with(at(20, "a", "", NotConnected), link(LinkProxySilent)), proxy(true)),
		}},
		{"our proxy reaches the target for others", API, "other runs", []Observation{
			with(with(at(0, "a", "", NotConnected), link(LinkProxySilent)), proxy(false)), at(10, "b", "", Good),
			at(22, "b", "", Good), with(with(at(20, "a", "", NotConnected), link(LinkProxySilent)), proxy(true)),
		}},
		{"our proxy", Network, "proxy", []Observation{with(at(0, "a", "", NotConnected), link(LinkProxy))}},
		{"an expired certificate", API, "certificate", []Observation{with(at(0, "a", "", NotConnected), link(LinkTLS))}},
		{"the link was down while the run was under way", Network, "could not be reached", []Observation{
			with(with(at(1, "b", "", NotConnected), link(LinkNoAnswer)), connectivity(false)),
			with(with(at(0, "a", "", NotAnswered), func(o *Observation) { o.End = o.End.Add(9 * time.Second) }), connectivity(true)),
		}},
		{"the name does not exist", API, "does not exist", []Observation{with(at(0, "a", "", NotResolved), dns(DNSNoName))}},
		{"SERVFAIL, others resolve", API, "zone", []Observation{
			with(with(at(0, "a", "", NotResolved), dns(DNSFailed)), resolver(true)),
		}},
		{"SERVFAIL, others do not resolve", Resolver, "does not resolve the root either", []Observation{
			with(with(at(0, "a", "", NotResolved), dns(DNSFailed)), resolver(false)),
		}},
		{"SERVFAIL, nothing is checked", Unknown, "", []Observation{with(at(0, "a", "", NotResolved), dns(DNSFailed))}},
		{"the resolver is silent", Resolver, "did not answer", []Observation{with(at(0, "a", "", NotResolved), dns(DNSNoAnswer))}},
		{"the resolver and everything else are silent", Network, "could not be reached", []Observation{
			with(with(with(at(0, "a", "", NotResolved), dns(DNSNoAnswer)), resolver(false)), connectivity(false)),
		}},

		{"a maintenance page", Gateway, "every address gets the same page", []Observation{with(at(0, "a", "", WrongAnswer), everywhere)}},
		{"a maintenance page answers a guarded probe", Gateway, "every address", []Observation{with(at(0, "guard", "", Granted), everywhere)}},
		{"an access leak", Leak, "granted a request", []Observation{at(0, "guard", "", Granted)}},
		{"an answer without the field", API, "not what the probe expects", []Observation{at(0, "a", "", WrongAnswer)}},

		{"half of the runs of a probe are refused", API, "accepted and refused by turns", []Observation{
			with(at(0, "a", "k", Refused), says("Invalid API key.")), at(5, "a", "k", Good), at(6, "b", "k", Good),
			with(at(10, "a", "k", Refused), says("Invalid API key.")),
		}},
		{"a key is refused while the API breaks", API, "a refuses it and fails by turns", []Observation{
			at(0, "guard", "", Denied), at(1, "a", "k", Refused), at(2, "b", "k", Refused), at(3, "a", "k", ServerError), at(4, "b", "k", Refused),
		}},
		{"a key is revoked in an outage", Credential, "no endpoint accepts it", []Observation{
			at(1, "a", "k", ServerError), at(2, "b", "k", ServerError), at(3, "a", "k", Refused), at(4, "b", "k", Refused),
		}},
		{"a key is revoked while one endpoint is broken", Credential, "no endpoint accepts it", []Observation{
			at(1, "a", "k", Refused), at(2, "b", "k", Refused), at(3, "c", "k", ServerError), at(4, "b", "k", Refused),
		}},
		{"a revoked key, and an endpoint that needs no credential", Credential, "Invalid API key", []Observation{
			with(at(0, "a", "k", Refused), says("Invalid API key.")), at(5, "public", "k", Good),
			with(at(10, "a", "k", Refused), says("Invalid API key.")),
		}},
		{"a gateway asks for a password", Gateway, "another way to authenticate", []Observation{
			with(at(0, "a", "k", Refused), func(o *Observation) { o.Page, o.Foreign = true, true }),
		}},
		{"an account that is disabled", Credential, "user_inactive", []Observation{
			with(with(with(at(0, "a", "u", Refused), says("user_inactive")), fresh), login(Renewal{Renewed: true})),
		}},
		{"two keys at the same time", API, "two rarely become invalid at the same time", []Observation{
			with(at(0, "a", "k", Refused), says("Invalid API key.")), with(at(1, "b", "l", Refused), says("Invalid API key.")),
			with(at(2, "c", "k", Refused), says("Invalid API key.")),
		}},
		{"two keys, an hour apart", Credential, "Invalid API key", []Observation{
			with(at(0, "a", "k", Refused), says("Invalid API key.")), with(at(3601, "b", "l", Refused), says("Invalid API key.")),
		}},
		{"403 with words about the key", Credential, "Invalid API key", []Observation{
			with(at(0, "a", "k", Forbidden), says("Invalid API key.")), with(at(1, "b", "k", Forbidden), says("Invalid API key.")),
		}},
		{"one endpoint forbids", Role, "b is accepted", []Observation{at(3, "b", "k", Good), at(0, "a", "k", Forbidden)}},
		{"a new token is refused", API, "just issued", []Observation{
			with(with(at(0, "a", "u", Refused), fresh), login(Renewal{Renewed: true, LoggedIn: true})),
		}},
		{"the login is refused", Credential, "the login service refused it: no_active_account", []Observation{
			with(at(0, "a", "u", Refused), login(Renewal{Refused: true, Words: "no_active_account"})),
		}},
		{"the login service fails", LoginService, "gives no token: it answered 503", []Observation{
			with(at(0, "a", "u", Refused), login(Renewal{Words: "it answered 503"})),
		}},
		{"the login is answered by a page", Gateway, "the login was answered by a page", []Observation{
			with(at(0, "a", "u", Refused), login(Renewal{Refused: true, Page: true})),
		}},
		{"the login fails with a page", LoginService, "gives no token", []Observation{
			with(at(0, "a", "u", Refused), login(Renewal{Page: true, Words: "it answered 500"})),
		}},
		{"something takes our key away", Gateway, "none came", []Observation{
			with(at(0, "a", "k", Refused), says("Authentication credentials were not provided.")),
			with(at(1, "b", "k", Refused), says("Authentication credentials were not provided.")),
		}},
		{"a maintenance page for some runs", Gateway, "lately every address", []Observation{
			with(at(0, "a", "", WrongAnswer), everywhere), with(at(5, "a", "", WrongAnswer), page),
		}},
		{"a page with 200 where data came before", Gateway, "answered with data", []Observation{
			at(0, "a", "k", Good), with(with(at(5, "a", "k", WrongAnswer), page), func(o *Observation) { o.Code = 200 }),
		}},
		{"a page with 404 where data came before", API, "with a page", []Observation{
			at(0, "a", "k", Good), with(with(at(5, "a", "k", WrongAnswer), page), func(o *Observation) { o.Code = 404 }),
		}},
		{"429 as a page", Gateway, "limits", []Observation{
			with(at(0, "a", "", WrongAnswer), func(o *Observation) { o.Page, o.Code = true, 429 }),
		}},
		{"a public endpoint refuses", API, "needs no credential", []Observation{at(0, "a", "", Refused)}},
		{"a public endpoint is behind a gateway", Gateway, "not the API's", []Observation{
			with(with(at(0, "a", "", Refused), page), func(o *Observation) { o.Foreign = true }),
		}},
		{"a key that a single probe uses, once", Unknown, "by hand", []Observation{at(0, "a", "k", Refused)}},
		{"a key that a single probe uses, twice, and guards are refused", Credential, "in a row", []Observation{
			at(0, "guard", "", Denied), at(1, "a", "k", Refused), at(2, "a", "k", Refused),
		}},
		{"a key that two probes use", Credential, "no endpoint accepts it", []Observation{at(1, "a", "k", Refused), at(2, "b", "k", Refused)}},
	}
}
