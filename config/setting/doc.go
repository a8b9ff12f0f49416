// Package setting holds what the settings of every package need: the report of a wrong value, shares, sizes, durations and common checks.
// It is a leaf: it imports no other package of squarewatch, so that every package may import it.
package setting
