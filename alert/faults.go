package alert

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"squarewatch/probe"
)

// faults collects what is wrong with settings, each as a [probe.Invalid].
type faults []error

// add adds a fault if bad is true. The fix tells the reader what to write.
func (f *faults) add(bad bool, field, problem, fix string) {
	if bad {
		*f = append(*f, &probe.Invalid{Field: field, Problem: problem, Fix: fix})
	}
}

// addName checks a name; example is a good one.
func (f *faults) addName(name, example string) {
	f.add(!isName(name), "name", fmt.Sprintf("is %q", name), "write small letters, digits and dashes, for example "+example)
}

// addGlobs checks globs as [path.Match] reads them.
func (f *faults) addGlobs(field string, globs []string) {
	for i, glob := range globs {
		_, err := path.Match(glob, "")
		f.add(err != nil || glob == "", fmt.Sprintf("%s[%d]", field, i), fmt.Sprintf("is %q, which is not a valid glob", glob),
			`write a name or a glob such as "user-*"`)
	}
}

// join returns the faults as one error; nil when there are none.
func (f *faults) join() error { return errors.Join(*f...) }

// isName reports whether a text is 1 to 63 small letters, digits and dashes, with no dash at either end.
func isName(text string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-"
	return text != "" && len(text) <= 63 && strings.Trim(text, allowed) == "" && strings.Trim(text, "-") == text
}
