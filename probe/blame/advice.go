package blame

// advise says how a person can find out who caused a failure.
func (m *memory) advise(o *Observation) string {
	switch o.Outcome {
	case NotResolved, NotConnected, NotAnswered:
		if m.reached.At.IsZero() && m.notReached.At.IsZero() {
			return `write connectivity: {address: "1.1.1.1:53"} in the file, so that squarewatch can tell our network from the API`
		}
		return "send the same request from another network: if it works there, our network is at fault"
	case Refused, Forbidden:
		return "try the credential by hand: if another endpoint accepts it, the API is at fault; see also the words of the API above"
	case Other, Good, Denied, ServerError, GatewayError, WrongAnswer, Granted, Shortage:
	}
	return "see the answers in the trace"
}
