package statuspage

// Words says whether the collector accepts traces, and if not, why.
func (f *TraceFate) Words() string {
	switch f.State {
	case "off":
		return "Traces are not sent: " + f.Why
	case "waiting":
		return "Traces wait on disk: " + f.Why
	case "lost":
		return "Traces are lost: " + f.Why
	case "sent":
		if f.Why != "" {
			return "Traces are sent; " + f.Why
		}
		return "Traces are sent"
	}
	return "Whether traces are sent is not known"
}

// Trouble reports whether the collector lacks traces that it should have.
func (f *TraceFate) Trouble() bool {
	return f.State == "waiting" || f.State == "lost" || f.State == "sent" && f.Why != ""
}

// Mark is the shape of the state.
func (f *TraceFate) Mark() string {
	switch {
	case f.State == "lost":
		return "✖"
	case f.Trouble():
		return "⚠"
	case f.State == "sent":
		return "✔"
	}
	return "◌"
}
