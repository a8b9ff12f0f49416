// Package soak runs the built daemon for a long time among faults that a seed draws, and holds what it did against what it promises:
// make soak. See README.md.
package soak
