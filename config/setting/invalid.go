package setting

import "fmt"

// Invalid is an error about one setting. The Validate method of every settings struct returns them joined by errors.Join, and package
// config turns Field into a line and a column of the file.
type Invalid struct { //nolint:errname // the name reads well where an error is made: setting.Invalid
	Field   string // path below the struct as a user writes it, for example expect.json or on[0]; empty for the struct itself
	Problem string // what is wrong
	Fix     string // what to write instead
}

// Error returns field, problem and fix in one line.
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
