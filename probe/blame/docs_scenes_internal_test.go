package blame

import (
	"slices"
	"time"
)

var docsBegin = time.Date(2026, 3, 1, 2, 14, 0, 0, time.UTC)

// shown has the observations for one row of the table in docs/blame.md. The last of them is the failure that is judged.
type shown struct {
	row  string   // its first cell
	says []string // parts of the evidence that the row is about
	seen []Observation
	open string // a probe whose endpoint answers without a credential
}

// show returns the observations for a row about one piece of evidence.
func show(row, says string, seen ...Observation) shown {
	return shown{row: row, says: []string{says}, seen: seen}
}

// run returns the observation of a run that started some seconds after docsBegin and took one second.
func run(seconds int, probe, credential string, outcome Outcome, changes ...func(*Observation)) Observation {
	start := docsBegin.Add(time.Duration(seconds) * time.Second)
	o := Observation{Probe: probe, Credential: credential, Start: start, End: start.Add(time.Second), Outcome: outcome}
	for _, change := range changes {
		change(&o)
	}
	return o
}

func isPage(o *Observation)      { o.Page = true }
func isElsewhere(o *Observation) { o.Page, o.Elsewhere = true, true }
func isForeign(o *Observation)   { o.Page, o.Foreign = true, true }
func isNewToken(o *Observation)  { o.NewToken = true }

func hasCode(code int) func(*Observation)      { return func(o *Observation) { o.Code = code } }
func hasLink(l Link) func(*Observation)        { return func(o *Observation) { o.Link = l } }
func hasDNS(d DNS) func(*Observation)          { return func(o *Observation) { o.DNS = d } }
func hasWords(words string) func(*Observation) { return func(o *Observation) { o.Words = words } }

func hasRenewal(r Renewal) func(*Observation) {
	return func(o *Observation) { o.Renewal, o.Renewal.At = r, o.End }
}

func hasConnectivity(passed bool) func(*Observation) {
	return func(o *Observation) { o.Connectivity = Check{At: o.End, Passed: passed, What: "1.1.1.1:53"} }
}

func hasResolver(passed bool) func(*Observation) {
	return func(o *Observation) { o.Resolver = Check{At: o.End, Passed: passed, What: "the root"} }
}

func hasProxy(passed bool) func(*Observation) {
	return func(o *Observation) { o.Proxy = Check{At: o.End, Passed: passed, What: "our own proxy"} }
}

// shownSilences are the rows for runs without an answer.
func shownSilences() []shown {
	unreached := func(row, says string, changes ...func(*Observation)) shown {
		return show(row, says, run(0, "a", "", NotConnected, changes...))
	}
	unresolved := func(row, says string, changes ...func(*Observation)) shown {
		return show(row, says, run(0, "a", "", NotResolved, changes...))
	}
	noAnswer := hasLink(LinkNoAnswer)
	const proxySays = "our own proxy did not say whether it reached the API"
	return []shown{
		unreached("the address of `connectivity` could not be reached while the run was under way, or up to 5 s before it",
			"could not be reached either", noAnswer, hasConnectivity(false)),
		show("it could not be reached up to a minute before the run, and nothing was reached between that and the run",
			"could not be reached either",
			run(0, "b", "", NotConnected, noAnswer, hasConnectivity(false)), run(40, "a", "", NotConnected, noAnswer)),
		unreached("this machine has no route to the target, within a minute", "no route", hasLink(LinkNoRoute)),
		unreached("our own proxy accepted no connection, within a minute", "accepted no connection", hasLink(LinkProxy)),
		unreached(proxySays+", and answered nothing at all, as for `connectivity`", "our own proxy answered nothing",
			hasLink(LinkProxySilent), hasProxy(false)),
		unreached(proxySays, proxySays, hasLink(LinkProxySilent)),
		unreached("the address of `connectivity` answered after the run began", "our network is fine", noAnswer, hasConnectivity(true)),
		show("another run got an answer from the target after this run began", "other runs got answers meanwhile",
			run(5, "b", "", Good), run(0, "a", "", NotConnected, noAnswer)),
		unreached("something at the target's address refused the connection", "refused the connection", hasLink(LinkRefused)),
		unreached("no valid certificate, or no TLS session", "no valid certificate or no TLS session", hasLink(LinkTLS)),
		{
			"a certificate of an unknown authority",
			[]string{"signed by an authority", "may have replaced its certificate"},
			[]Observation{run(0, "a", "", NotConnected, hasLink(LinkUntrusted))},
			"",
		},
		show("a connection, but no answer in time, or one that was cut short", "did not answer in time",
			run(0, "a", "", NotAnswered)),
		show("a connection, but no answer in time, or one that was cut short", "which was cut short",
			run(0, "a", "", NotAnswered, func(o *Observation) { o.Cut = true })),
		unresolved("the resolver does not resolve another name either", "does not resolve the root either", hasResolver(false)),
		unresolved("the resolver resolves another name, and does not refuse to answer for the target's", "so the DNS zone of the API",
			hasResolver(true), hasDNS(DNSFailed)),
		unresolved("the resolver says that the name does not exist", "its name does not exist", hasDNS(DNSNoName)),
		unresolved("the resolver did not answer", "our resolver did not answer", hasDNS(DNSNoAnswer)),
		unresolved("the resolver refuses to answer for the target's name", "refuses to answer for the name", hasDNS(DNSRefused)),
		{row: "the resolver refuses the query for the name servers of the root, and no other query shows more"},
		unresolved("the resolver says that it cannot resolve the name", "it cannot resolve the name", hasDNS(DNSFailed)),
		show("a descriptor, a port, a buffer or memory was missing", "ran out of descriptors, ports, buffers or memory",
			run(0, "a", "", Shortage)),
	}
}

// shownRefusals are the rows for 401 and 403.
func shownRefusals() []shown {
	refused := func(row, says string, changes ...func(*Observation)) shown {
		return show(row, says, run(0, "a", "k", Refused, changes...))
	}
	again := run(10, "a", "k", Refused)
	const gets = "is accepted with the same credential"
	return []shown{
		refused("the refusal is a page, or asks for another way to authenticate than `Bearer`", "the refusal is not the API's", isForeign),
		refused("an address that does not exist gets the same", "every address gets the same answer", isElsewhere),
		show("the request needs no credential", "that needs no credential", run(0, "a", "", Refused)),
		refused("the login service refused the credential", "the login service refused it", hasRenewal(Renewal{Refused: true})),
		refused("the login service gave no token for another reason", "the login service gives no token", hasRenewal(Renewal{})),
		refused("the login was refused with a page", "answered by a page, not by the API", hasRenewal(Renewal{Refused: true, Page: true})),
		refused("the API says that no credential came, though we sent one", "the API says that none came",
			hasWords("Authentication credentials were not provided.")),
		refused("the API's own words: `user_inactive`, `no_active_account`, an invalid, revoked or expired key, …", "the API says: ",
			hasWords("user_inactive")),
		refused("a token that the login has just issued is refused", "its own login has just issued", isNewToken,
			hasRenewal(Renewal{Renewed: true, LoggedIn: true})),
		refused("a token that was just refreshed is refused", "was just refreshed", isNewToken, hasRenewal(Renewal{Renewed: true})),
		show("another endpoint accepts the credential after it was first refused, and is known to check credentials", gets,
			run(0, "a", "k", Refused), run(1, "b", "k", Refused), run(5, "b", "k", Good), again),
		{
			"the same endpoint accepts and refuses it by turns",
			[]string{gets, "is accepted and refused by turns"},
			[]Observation{run(0, "a", "k", Refused), run(5, "a", "k", Good), again},
			"",
		},
		show("the same endpoint accepts and refuses it by turns", "is allowed and refused by turns",
			run(0, "a", "k", Forbidden), run(5, "a", "k", Good), run(10, "a", "k", Forbidden)),
		show("another endpoint accepts it, and it is not known whether that one checks credentials", gets,
			run(0, "a", "k", Refused), run(5, "b", "k", Good), again),
		{
			"an endpoint accepts it, but also answered without a credential in the last five minutes",
			[]string{gets},
			[]Observation{run(0, "a", "k", Refused), run(5, "b", "k", Good), again},
			"b",
		},
		show("an endpoint refuses it, and then fails with a server error; none accepts it", "refuses it and fails by turns",
			run(0, "a", "k", Refused), run(3, "a", "k", ServerError), again),
		show("no endpoint accepts it, and at least two refuse it with 401", "no endpoint accepts it: 2 refuse it",
			run(0, "b", "k", Refused), again),
		show("the only endpoint that uses it refuses it several times", "it was refused 2 times in a row",
			run(0, "a", "k", Refused), again),
		show("the API refuses guarded probes, as it must, while no endpoint accepts it", "the API refuses requests of guarded probes, as it must",
			run(0, "guard", "", Denied), run(1, "a", "k", Refused), again),
		show("a guarded probe was granted access", "does not refuse requests that it must refuse",
			run(0, "guard", "", Granted), again),
		show("another credential of ours is refused since the same minute, and neither is accepted", "another credential of ours",
			run(0, "c", "l", Refused), again),
		show("403, without words about the account or the key", "it is known, but not allowed",
			run(0, "a", "k", Forbidden)),
		show("403, while another endpoint accepts the credential", gets,
			run(3, "b", "k", Good), run(0, "a", "k", Forbidden)),
	}
}

// shownAnswers are the rows for other answers that the probe does not expect.
func shownAnswers() []shown {
	wrong := func(row, says string, changes ...func(*Observation)) shown {
		return show(row, says, run(5, "a", "k", WrongAnswer, changes...))
	}
	after := func(o Observation, s shown) shown {
		s.seen = slices.Insert(s.seen, 0, o)
		return s
	}
	return []shown{
		wrong("an address that does not exist gets the same page", "every address gets the same page", isElsewhere),
		after(run(0, "a", "k", WrongAnswer, isElsewhere),
			wrong("a page, and lately every address got one", "lately every address got a page", isPage)),
		wrong("a guarded probe was granted access by a page, where the API itself refuses with JSON",
			"a page answers where the API itself refuses with data", isForeign),
		after(run(0, "a", "k", Good), wrong("a page with 2xx, where the same probe got what it expects before",
			"a page answers where the API itself answered with data", isPage, hasCode(200))),
		wrong("429 as a page", "a gateway before the API limits our requests", isPage, hasCode(429)),
		{
			row: "a guarded probe was granted access by an answer that was cut short, for the first time, or while other probes get such answers",
		},
		{
			"a guarded probe was granted access by an answer of the API, or by a page where it is not known how the API refuses",
			[]string{"granted a request that it must refuse"},
			[]Observation{run(0, "guard", "", Granted)},
			"",
		},
		wrong("anything else that the probe does not expect", "its answer is not what the probe expects"),
		wrong("anything else that the probe does not expect", "it answered with a page where data was due", isPage),
	}
}
