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

const (
	// maxShown is the number of faults or warnings of one file that are shown. The others mostly have the same cause.
	maxShown = 50
	// maxProblem is the largest size in bytes of the text about one of them: a value in the file may have any size.
	maxProblem = 600
)

// Error returns the first 50 faults, one per line, and the number of the others.
func (e Errors) Error() string {
	lines := make([]string, 0, maxShown+1)
	for i, fault := range e {
		if i == maxShown {
			lines = append(lines, fmt.Sprintf("and %d more; correct these first", len(e)-maxShown))
			break
		}
		lines = append(lines, fault.Error())
	}
	return strings.Join(lines, "\n")
}

// cut shortens a text about a fault to maxProblem. It leaves out the middle, because the end says what to write.
func cut(text string) string {
	const half = maxProblem / 2
	if len(text) <= maxProblem {
		return text
	}
	return strings.ToValidUTF8(text[:half], "") + " […] " + strings.ToValidUTF8(text[len(text)-half:], "")
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
