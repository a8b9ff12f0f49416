// Package blame says who caused a failure. It weighs what was seen in the last minutes over all probes and credentials, and knows
// nothing of HTTP or of the clock: package probe gives it observations, and gets a verdict with its evidence.
package blame
