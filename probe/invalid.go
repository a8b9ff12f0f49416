package probe

import "fmt"

// Invalid is the error of one wrong setting. The settings of every package report their faults with it, joined by errors.Join.
// Package config replaces Field by a line and a column of the file.
type Invalid struct { //nolint:errname // the name reads well where it is created: &probe.Invalid{Field: …}
	Field   string // path in the struct as a user writes it, for example expect.json or on[0]; empty for the struct itself
	Problem string // what is wrong; it continues a sentence that starts with the field
	Fix     string // what to write instead
}

// Error returns the field, the problem and the fix in one line.
func (e *Invalid) Error() string {
	text := e.Problem
	if e.Field != "" {
		text = fmt.Sprintf("%s %s", e.Field, e.Problem)
	}
	if e.Fix != "" {
		text += ": " + e.Fix
	}
	return text
}
