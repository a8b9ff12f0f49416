// Package blame decides who caused a failure. Package probe gives it observations, and gets a verdict with its evidence. It weighs what the
// runs of all probes and credentials showed in the last minutes. It does no I/O and reads no clock.
package blame
