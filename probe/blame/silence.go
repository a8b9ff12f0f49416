package blame

import (
	"fmt"
	"time"
)

const (
	// sameTime is how old a failed check may be when a run starts, to count for the run.
	sameTime = 5 * time.Second
	// justBefore is how old a check that passed may be when a run starts, to count for the run.
	justBefore = time.Second
	// recently is how old the failure of another run may be when a run starts, to count for the run.
	recently = time.Minute
)

// weighSilence weighs what is known about a run without an answer: was it our network, our resolver, or the API?
func (m *memory) weighSilence(o *Observation) []point {
	points := []point{}
	add := func(c Culprit, weight int, at time.Time, format string, arguments ...any) {
		points = append(points, point{Evidence{c, fmt.Sprintf(format, arguments...), at}, weight})
	}
	down := wasDown(m.notReached.At, &m.worked, o.Start)
	if down {
		add(Network, 100, m.notReached.At, "%s could not be reached either", m.notReached.What)
	}
	if at := m.links[LinkNoRoute]; at.After(o.Start.Add(-recently)) {
		add(Network, 100, at, "this machine has no route to the target")
	}
	if at := m.links[LinkProxy]; at.After(o.Start.Add(-recently)) {
		add(Network, 100, at, "our own proxy accepted no connection")
	}
	if o.Outcome == NotResolved {
		return m.weighLookup(o, points)
	}
	if !down && m.reached.At.After(o.Start.Add(-justBefore)) && o.Link != LinkProxySilent { // the check does not use the proxy
		add(API, 30, m.reached.At, "our network is fine: %s answered", m.reached.What)
	}
	if m.answered.After(o.Start) {
		add(API, 30, m.answered, "other runs got answers meanwhile")
	}
	switch {
	case o.Cut:
		add(API, 20, o.End, "it began an answer, which was cut short")
	case o.Outcome == NotAnswered:
		add(API, 20, o.End, "it accepted the connection and did not answer in time")
	case o.Link == LinkProxySilent && wasDown(m.proxySilent.At, &m.proxyWorked, o.Start):
		add(Network, 100, m.proxySilent.At, "our own proxy answered nothing")
	case o.Link == LinkProxySilent:
		add(Network, 5, o.End, "our own proxy did not say whether it reached the API")
	case o.Link == LinkRefused:
		add(API, 30, o.End, "something at its address refused the connection")
	case o.Link == LinkTLS:
		add(API, 30, o.End, "it offered no valid certificate or no TLS session")
	case o.Link == LinkUntrusted:
		add(API, 20, o.End, "its certificate is signed by an authority that this machine does not know")
		add(Network, 10, o.End, "something between us and the API may have replaced its certificate")
	}
	return points
}

// wasDown reports whether our network or proxy was down when a run started, or later. It was down if a check failed at most sameTime before
// the start, or later. It was also down if a check failed at most a minute before, and nothing worked between the check and the start. A
// check that passes after the run does not show how the run began.
func wasDown(failed time.Time, worked *worked, start time.Time) bool {
	switch {
	case failed.IsZero() || failed.Before(start.Add(-recently)):
		return false
	case !failed.Before(start.Add(-sameTime)):
		return true
	}
	return !worked.between(failed, start)
}

// worked is when our network or proxy worked: the last time in each second of the window.
type worked [window / time.Second]time.Time

// add records a time.
func (w *worked) add(at time.Time) {
	second := &w[int(at.Unix())%len(w)]
	*second = later(*second, at)
}

// between reports whether a recorded time is after one time, and not after another one.
func (w *worked) between(after, until time.Time) bool {
	for _, at := range w {
		if at.After(after) && !at.After(until) {
			return true
		}
	}
	return false
}

// weighLookup weighs what is known about a name that was not resolved: was it our resolver, or the zone of the API?
func (m *memory) weighLookup(o *Observation, points []point) []point {
	add := func(c Culprit, weight int, at time.Time, format string, arguments ...any) {
		points = append(points, point{Evidence{c, fmt.Sprintf(format, arguments...), at}, weight})
	}
	since := o.Start.Add(-2 * sameTime)
	passed, failed := m.resolved.At.After(since), m.notResolved.At.After(since)
	switch {
	case failed && !m.resolved.At.After(m.notResolved.At):
		add(Resolver, 50, m.notResolved.At, "our resolver does not resolve %s either", m.notResolved.What)
	case passed && o.DNS != DNSRefused:
		add(API, 50, m.resolved.At, "our resolver resolves %s, so the DNS zone of the API is at fault", m.resolved.What)
	}
	switch o.DNS {
	case DNSNoName:
		add(API, 20, o.End, "our resolver says that its name does not exist")
	case DNSFailed:
		add(API, 5, o.End, "our resolver says that it cannot resolve the name")
	case DNSNoAnswer:
		add(Resolver, 25, o.End, "our resolver did not answer")
	case DNSRefused:
		add(Resolver, 25, o.End, "our resolver refuses to answer for the name of the API")
	case DNSNone:
	}
	return points
}
