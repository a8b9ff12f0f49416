package alert

import "squarewatch/probe"

// The sentences that people read about incidents. Every notifier, the command status and its API use these. They are plain text;
// [Incident.Explain] replaces the names in braces.
const (
	insertCredential = "{credential}" //nolint:gosec // the name of the credential with a space before it; nothing when it is not known
	insertBegin      = "{begin}"      // how to find out what failed, as the end of a sentence
	insertPhase      = "{phase}"      // what shows the slow phase, as the beginning of a sentence
	insertRuns       = "{runs}"       // the number of runs that the incident counts
	insertBecause    = "{because}"    // the strongest evidence, as the end of a sentence
	insertWork       = "{work}"       // what a part of squarewatch does not do
	insertReason     = "{reason}"     // why it does not do it
	insertEffect     = "{effect}"     // the consequences, and what to do now
)

const (
	tellOwners = "Tell the API's owners."
	askRoute   = "Check from another host whether it is our network."
)

// BreachOver is the sentence about a breach after its incident has ended.
const BreachOver = "Security: the API granted access that it must refuse."

// culpritSentence is what a culprit means.
type culpritSentence struct {
	culprit probe.Blame
	name    string // the culprit's name, as an answer to: whose fault was it
	what    bool   // the sentence about what happens stands before say
	say     string // whose fault it is
	act     string // what to do now
}

// culpritSentences has one entry for every culprit but [probe.BlameNone].
func culpritSentences() []culpritSentence {
	return []culpritSentence{
		{culprit: probe.BlameAPI, name: "the API", what: true, say: "It is the API's fault.", act: tellOwners},
		{
			culprit: probe.BlameGateway, name: "a gateway before the API",
			say: "A gateway, a firewall or a maintenance page answers in place of the API.",
			act: "The requests do not reach the API: ask its owners about maintenance, and whether something before it blocks us.",
		},
		{
			culprit: probe.BlameLoginService, name: "the API's login service",
			say: "The API's login service fails, so our credential{credential} cannot be renewed.",
			act: tellOwners + " There is no sign that the credential is bad: do not replace it.",
		},
		{
			culprit: probe.BlameCredential, name: "our credential{credential}",
			say: "Our credential{credential} is refused: it is ours to fix.",
			act: "It is wrong, expired, revoked or disabled. Replace it, then restart squarewatch. " +
				"A reload is enough where the configuration reads it with ${file:…}.",
		},
		{
			culprit: probe.BlameRole, name: "a missing permission of our credential{credential}",
			say: "Our credential{credential} is good, but it lacks a permission.",
			act: "A role or a permission is missing or was taken away: ask for it, or use another credential.",
		},
		{
			culprit: probe.BlameNetwork, name: "our own network", say: "Our own network fails: the API is not to blame.",
			act: "Check the network, the proxy and the firewall of this machine.",
		},
		{
			culprit: probe.BlameResolver, name: "our resolver",
			say: "Our resolver does not resolve the API's name: the API is not to blame.",
			act: "Check the DNS server that this machine asks (network.resolver, else /etc/resolv.conf).",
		},
		{
			culprit: probe.BlameWatcher, name: "squarewatch itself or its machine",
			say: "squarewatch itself is in trouble: the API is not to blame.",
			act: "squarewatch or its machine ran out of descriptors, ports, buffers or memory: " +
				"see the log of squarewatch, and what else runs on its machine.",
		},
		{
			culprit: probe.BlameLeak, name: "the API", say: "Security: the API grants access that it must refuse.",
			act: "Others may have the same access: tell the API's owners at once.",
		},
		{
			culprit: probe.BlameUnknown, name: "not known", what: true, say: "We cannot tell whose fault it is, because {because}.",
		},
	}
}

// conditionSentences returns the sentences for an incident whose condition determines them. It returns false when the culprit or the
// outcomes determine them.
func conditionSentences(i *Incident) (say, act string, ok bool) {
	switch i.Condition {
	case ConditionAccess:
		leak := sentenceOf(probe.BlameLeak)
		return leak.say, leak.act, true
	case ConditionNoData:
		return "squarewatch itself is not watching this.", "No run has finished for three of its intervals, so a fault of the API would " +
			"go unnoticed: see the log of squarewatch, and its missed runs.", true
	case ConditionNetwork:
		network, act := sentenceOf(probe.BlameNetwork), "{runs} failed, and rules do not count them."
		switch {
		case i.Resolved.IsZero():
			return network.say, act + " " + network.act, true
		case len(i.Evidence) > 0:
			act = "{runs} failed, because {because}; rules do not count them."
		}
		return "Our own network failed: the API is not to blame.", act, true
	case ConditionWatcher:
		watcher := sentenceOf(probe.BlameWatcher)
		if i.Trouble != nil {
			return watcher.say, "What fails: {work} ({reason}). {effect}", true
		}
		return watcher.say, "{runs} failed, and no rule counts them. " + watcher.act, true
	case ConditionRate, ConditionStreak, ConditionBurn:
	}
	return "", "", false
}

// sentenceOf returns the sentence of a culprit; zero for [probe.BlameNone].
func sentenceOf(culprit probe.Blame) culpritSentence {
	for _, s := range culpritSentences() {
		if s.culprit == culprit {
			return s
		}
	}
	return culpritSentence{}
}

// outcomeSentence is what an outcome of runs means.
type outcomeSentence struct {
	on     string // selector of the outcomes
	say    string // what happens
	theirs string // what happens when it is the API's fault; empty when say fits
	bare   string // what happens for requests without a credential; empty when say fits
	act    string // what to do in any case; may be empty
	ask    string // what to do while it is not known whose fault it is; may be empty
}

// outcomeSentences returns the sentences in the order of the search: the first entry that matches counts. Every class has an entry.
func outcomeSentences() []outcomeSentence {
	const notAccepted = "The API does not accept the probe's request."
	const compare = "It may have changed: compare the probe with its documentation."
	const noUpstream = "A gateway answers that it gets no answer from the API."
	return []outcomeSentence{
		{on: "502", say: noUpstream, act: "The gateway's requests failed behind it: {begin}."},
		{on: "504", say: noUpstream, act: "The gateway's requests failed behind it: {begin}."},
		{on: "503", say: "The API answers that it is not available.", act: "The API itself or a gateway before it answers so: {begin}."},
		{on: "5xx", say: "The API answers with server errors.", act: "The requests reached the API and failed there: {begin}."},
		{
			on: "401", say: "Our credential{credential} is refused.", theirs: "The API refuses our credential{credential}, though it is good.",
			bare: "The API refuses requests without a credential.",
			ask:  "Check whether the credential expired or was revoked. If other credentials are refused too, it is the API.",
		},
		{
			on: "403", say: "Our credential{credential} may not do this.", theirs: "The API forbids what our credential{credential} may do.",
			bare: "The API forbids requests without a credential.", ask: "Check whether a role or a permission was removed.",
		},
		{
			on: "404", say: "The probe's path is missing, or we may not see it.",
			ask: "The API answers 404 to both: check the path, then the access.",
		},
		{on: "429", say: "The API limits our requests.", act: "Probe less often, or find who else uses the credential."},
		{on: "400", say: notAccepted, ask: compare},
		{on: "client_error", say: notAccepted, ask: compare},
		{on: "redirect", say: "The API redirects elsewhere.", ask: "Check whether target is still the right address."},
		{on: "success", say: "The API answers, but not what the probe expects.", act: "The reasons are below."},
		{on: "timeout", say: "The API does not answer in time.", act: "{phase} the slow phase.", ask: askRoute},
		{on: "dns_error", say: "The API's name cannot be resolved.", ask: "Check our resolver, then the API's DNS."},
		{on: "connect_error", say: "The API cannot be reached.", ask: askRoute},
		{on: "tls_error", say: "No trusted TLS connection to the API.", ask: "Check its certificate, then our clock and certificates."},
		{on: "protocol_error", say: "The API's answers break off or are not HTTP.", ask: "Something on the way may cut them. " + askRoute},
	}
}
