package probe

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"squarewatch/config/setting"
)

// RunsAt reports whether the probe runs on a host at a location. A host without a location, which is empty, runs every probe.
func (p *Probe) RunsAt(location string) bool {
	return location == "" || len(p.Locations) == 0 || slices.ContainsFunc(p.Locations, func(glob string) bool {
		matches, err := path.Match(glob, location)
		return matches && err == nil
	})
}

// validateLocations reports globs that are malformed, and those that match no location because of a character that no name has.
func (p *Probe) validateLocations() error {
	var faults setting.Faults
	for i, glob := range p.Locations {
		never := strings.ContainsFunc(glob, func(r rune) bool { return !strings.ContainsRune(`abcdefghijklmnopqrstuvwxyz0123456789-*?[]^\`, r) })
		faults.Add(never || !setting.ValidGlob(glob), fmt.Sprintf("locations[%d]", i), fmt.Sprintf("is %q, which matches no location", glob),
			`write a name or a glob of small letters, digits and dashes, such as "eu-*"`)
	}
	return faults.Err()
}
