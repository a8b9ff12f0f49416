package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one fault of a file: its place, the problem, and what to write instead.
type Error struct {
	File         string
	Line, Column int    // both from 1; 0 when the place is the whole file
	Path         string // for example probes[0].schedule
	Problem      string
}

// Error returns the fault in one line.
func (e *Error) Error() string {
	place := e.File
	if e.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column)
	}
	if e.Path != "" {
		return fmt.Sprintf("%s: %s: %s", place, e.Path, e.Problem)
	}
	return fmt.Sprintf("%s: %s", place, e.Problem)
}

// Errors are all faults of a file, in the order of its lines.
type Errors []*Error

// Error returns the faults, one per line.
func (e Errors) Error() string {
	lines := make([]string, 0, len(e))
	for _, fault := range e {
		lines = append(lines, fault.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the single faults.
func (e Errors) Unwrap() []error {
	all := make([]error, 0, len(e))
	for _, fault := range e {
		all = append(all, fault)
	}
	return all
}

// sorted returns the faults by place, without duplicates.
func (e Errors) sorted() Errors {
	sorted := slices.SortedStableFunc(slices.Values(e), func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	})
	return slices.CompactFunc(sorted, func(a, b *Error) bool { return *a == *b })
}

// Warning is a likely mistake in a valid file.
type Warning Error

// String returns the warning in one line.
func (w Warning) String() string { return (*Error)(&w).Error() }
