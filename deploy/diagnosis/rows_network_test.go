//go:build diagnosis

package diagnosis_test

import "time"

// target changes what happens to connections to the target.
func target(mode gateMode, share float64) action {
	return func(s *stage) error {
		if share == some {
			share = 0.45 + 0.4*s.chance()
		}
		return s.gate.set(mode, share)
	}
}

// elsewhere changes what happens to connections to the address that is nearly always reachable.
func elsewhere(mode gateMode) action { return func(s *stage) error { return s.other.set(mode, 1) } }

// link breaks or restores the way to everything. Both take a moment, and nothing can be reached while a link is down, so the address of
// connectivity is the first that breaks and the last that works again.
func link(mode gateMode) action {
	if mode == gateOpen {
		return both(target(mode, 1), elsewhere(mode))
	}
	return both(elsewhere(mode), target(mode, 1))
}

// name changes what the DNS server answers.
func name(mode dnsMode, lose int) action {
	return func(s *stage) error {
		s.dns.set(mode, lose)
		return nil
	}
}

// certificate changes what the target presents.
func certificate(mode tlsMode) action {
	return func(s *stage) error {
		s.certs.set(mode)
		return nil
	}
}

// ourProxy changes what our proxy does.
func ourProxy(mode gateMode, status int) action {
	return func(s *stage) error {
		s.proxy.refuse(status)
		return s.proxy.gate.set(mode, 1)
	}
}

// networkRows are faults on the way to the API.
func networkRows() []row {
	known, away := setup{connectivity: true}, setup{connectivity: true, calm: true, timeout: time.Second}
	return append(nameRows(), []row{
		{
			name: "closed port, smallest file", ref: "D1", setup: setup{smallest: true}, harm: target(gateClosed, 1),
			want: []culprit{api, gateway},
		},
		{
			name: "closed port", ref: "D13", setup: known, harm: target(gateClosed, 1), want: []culprit{api, gateway},
			says: `:53\b`, never: "from another host whether",
		},
		{name: "closed port, nothing else is known", hard: true, harm: target(gateClosed, 1), want: []culprit{api, gateway}},
		{name: "the target takes no connection", ref: "D13", hard: true, setup: known, harm: target(gateDropped, 1), want: []culprit{api}},
		{
			name: "the target takes no connection, nothing else is known", hard: true, harm: target(gateDropped, 1),
			want: []culprit{unknown, api},
		},
		{name: "the target accepts and says nothing", ref: "D13", setup: known, harm: target(gateSilent, 1), want: []culprit{api, gateway}},
		{
			name: "some connections get no answer", hard: true, setup: known, harm: target(gateSilent, some),
			want: []culprit{api, gateway, unknown},
		},
		{name: "connections are reset", setup: known, harm: target(gateReset, 1), want: []culprit{api, gateway}},
		{name: "some connections are reset", hard: true, setup: known, harm: target(gateReset, some), want: []culprit{api, gateway}},
		{name: "our link is down", setup: away, harm: link(gateDropped), want: []culprit{network}, ends: true},
		{name: "our network refuses everything", setup: away, harm: link(gateClosed), want: []culprit{network}, ends: true},
		{
			name: "our link comes and goes", hard: true, setup: away, want: []culprit{network}, ends: true, lasts: 30 * time.Second,
			harm: both(link(gateDropped), later(9*time.Second, link(gateOpen)), later(15*time.Second, link(gateDropped))),
		},
		{
			name: "our link is back before the runs that it stopped", ref: "D12", hard: true, want: []culprit{network}, ends: true,
			setup: setup{connectivity: true, calm: true, timeout: 3 * time.Second},
			harm:  both(link(gateSilent), elsewhere(gateDropped), later(9*time.Second, link(gateOpen))),
		},
		{name: "an expired certificate", setup: setup{tls: true, connectivity: true}, harm: certificate(tlsExpired), want: []culprit{api}},
		{name: "a certificate for another name", setup: setup{tls: true}, harm: certificate(tlsOtherName), want: []culprit{api, gateway}},
		{
			name: "a certificate of an unknown authority", hard: true, setup: setup{tls: true}, harm: certificate(tlsOtherCA),
			want: []culprit{api, gateway, network},
		},
		{name: "the TLS handshake fails", setup: setup{tls: true}, harm: certificate(tlsNoHandshake), want: []culprit{api, gateway}},
		// Slack may be behind the same proxy: a failure of less than 5 minutes is announced when it is over.
		{name: "our proxy is down", setup: setup{proxy: true}, harm: ourProxy(gateClosed, 0), want: []culprit{network}, ends: true},
		{
			name: "our proxy says nothing", hard: true, setup: setup{proxy: true, calm: true}, ends: true,
			harm: ourProxy(gateSilent, 0), want: []culprit{network},
		},
		{
			name: "the target takes no connection from our proxy", hard: true, setup: setup{proxy: true, calm: true, timeout: time.Second / 2},
			harm: target(gateDropped, 1), want: []culprit{unknown, api, gateway},
		},
		{
			name: "our proxy wants a password", hard: true, setup: setup{proxy: true}, harm: ourProxy(gateOpen, 407),
			want: []culprit{network}, ends: true,
		},
		{
			name: "our proxy forbids the target", hard: true, setup: setup{proxy: true}, harm: ourProxy(gateOpen, 403),
			want: []culprit{network}, ends: true,
		},
	}...)
}

// nameRows are faults of names.
func nameRows() []row {
	named, known := setup{name: true}, setup{name: true, connectivity: true}
	// Runs and their looks take 6 seconds while the resolver says nothing. Probes that run every second would count as not watched.
	namedCalm, knownCalm := setup{name: true, calm: true}, setup{name: true, connectivity: true, calm: true}
	return []row{
		{
			name: "the API's name is gone, smallest file", ref: "D1", setup: setup{name: true, smallest: true}, harm: name(dnsNoName, 0),
			want: []culprit{api},
		},
		{name: "the API's name is gone", ref: "D14", hard: true, setup: known, harm: name(dnsNoName, 0), want: []culprit{api}},
		{
			name: "the API's name is gone, and our resolver serves only the names on a list", hard: true, setup: known,
			harm: name(dnsListed, 0), want: []culprit{api},
		},
		{name: "SERVFAIL for the API's name alone", ref: "D14", hard: true, setup: known, harm: name(dnsBadZone, 0), want: []culprit{api}},
		{name: "SERVFAIL for every name", ref: "D14", hard: true, setup: known, harm: name(dnsServFail, 0), want: []culprit{resolver}},
		{name: "REFUSED for every name", ref: "D14", hard: true, setup: known, harm: name(dnsRefused, 0), want: []culprit{resolver}},
		{name: "the resolver says nothing", ref: "D14", hard: true, setup: knownCalm, harm: name(dnsSilent, 0), want: []culprit{resolver}},
		{
			name: "the resolver says nothing, nothing else is known", ref: "D14", hard: true, setup: namedCalm, harm: name(dnsSilent, 0),
			want: []culprit{resolver, network, unknown},
		},
		{name: "two queries get lost", ref: "D14", hard: true, setup: named, harm: name(dnsGood, 2), want: []culprit{nobody}},
		{
			name: "the API's name leads to a closed port", hard: true, setup: known, harm: name(dnsElsewhere, 0),
			want: []culprit{api, gateway},
		},
	}
}
