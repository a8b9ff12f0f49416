package alert

import (
	"fmt"
	"strconv"
)

// Locations says at how many locations a series must be over its threshold before its alert fires. It counts in the rules for Prometheus,
// which sees several daemons. One daemon knows only its own location. The zero value is the same as 1.
type Locations int

// The numbers of locations that depend on how many report. Package prometheus says when a location reports.
const (
	MajorityOfLocations Locations = -1 // more than half
	AllLocations        Locations = -2
)

// maxLocations is the largest number of locations that a rule may ask for.
const maxLocations = 100

// Several reports whether one location may be too few.
func (l Locations) Several() bool { return l != 0 && l != 1 }

// String returns what a person writes: a number, majority or all.
func (l Locations) String() string {
	switch l {
	case MajorityOfLocations:
		return "majority"
	case AllLocations:
		return "all"
	}
	return strconv.Itoa(int(l))
}

// MarshalText returns what [Locations.UnmarshalText] reads.
func (l Locations) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a number from 1 on, majority or all.
func (l *Locations) UnmarshalText(text []byte) error {
	switch string(text) {
	case MajorityOfLocations.String():
		*l = MajorityOfLocations
		return nil
	case AllLocations.String():
		*l = AllLocations
		return nil
	}
	number, err := strconv.Atoi(string(text))
	if err != nil || number < 1 || number > maxLocations {
		return fmt.Errorf("%q is not a number of locations: write a number from 1 to %d, majority or all", text, maxLocations)
	}
	*l = Locations(number)
	return nil
}
