package alert

// Interval makes the interval of a confidence known to tests.
func Interval(bad, runs int, confidence Share) (low, high Share) {
	return interval(bad, runs, quantile(confidence))
}
