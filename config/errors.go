package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one thing wrong with a file: where, what, and what would be right.
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

// Errors is everything that is wrong with a file, in the order of its lines.
type Errors []*Error

const (
	// maxShown is how many faults or warnings of one file are shown. The rest has mostly the same cause.
	maxShown = 50
	// maxProblem is the length in bytes of the longest text about one of them: a value in the file may be of any length.
	maxProblem = 600
)

// Error returns the first 50 faults, one a line, and the number of the others.
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

// sorted returns the faults by place, each once.
func (e Errors) sorted() Errors {
	sorted := slices.SortedStableFunc(slices.Values(e), func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	})
	return slices.CompactFunc(sorted, func(a, b *Error) bool { return *a == *b })
}

// Warning is something doubtful about a good file.
type Warning Error

// String returns the warning in one line.
func (w Warning) String() string { return (*Error)(&w).Error() }
