package setting

import (
	"errors"
	"fmt"
	"path"
	"regexp"
)

// Faults collects what is wrong with a settings struct. Add adds an [Invalid]; append adds the error of another check, which may be nil.
// The zero value is ready to use.
type Faults []error //nolint:recvcheck // Add changes it, Err only reads it

// Add adds a fault when wrong is true.
func (f *Faults) Add(wrong bool, field, problem, fix string) {
	if wrong {
		*f = append(*f, &Invalid{Field: field, Problem: problem, Fix: fix})
	}
}

// AddName adds a fault when name breaks the rule of [ValidName]. The example is a name that the user could choose.
func (f *Faults) AddName(field, name, example string) {
	f.Add(!ValidName(name), field, fmt.Sprintf("is %q", name), "write small letters, digits and dashes, for example "+example)
}

// AddGlobs adds a fault for each glob that is empty or malformed.
func (f *Faults) AddGlobs(field string, globs []string) {
	for i, glob := range globs {
		f.Add(!ValidGlob(glob), fmt.Sprintf("%s[%d]", field, i), fmt.Sprintf("is %q, which is not a pattern", glob),
			`write a name or a glob such as "user-*"`)
	}
}

// Err returns the faults joined; nil when there are none.
func (f Faults) Err() error { return errors.Join(f...) }

// namePattern is the syntax of a name. It can stand in a URL, a metric's label and a glob without quoting.
var namePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// ValidName reports whether a probe, a rule or a maintenance window can have the name: up to 63 small letters, digits and dashes, with
// no dash at either end.
func ValidName(name string) bool { return len(name) <= 63 && namePattern.MatchString(name) }

// ValidGlob reports whether glob is a pattern of [path.Match] that matches something.
func ValidGlob(glob string) bool {
	_, err := path.Match(glob, "")
	return err == nil && glob != ""
}
