package probe

import "fmt"

// Invalid says that one setting is wrong: where, what is wrong, and what would be right. Every package's settings report
// their faults with it (joined by errors.Join), and package config turns Field into a line and a column of the file.
type Invalid struct { //nolint:errname // reads as what it says where it is made: Invalid{field, problem, fix}
	Field   string // path inside the struct as a user writes it, for example expect.json or on[0]; empty for the struct itself
	Problem string // what is wrong
	Fix     string // what would be right
}

// Error returns the fault in one line.
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
