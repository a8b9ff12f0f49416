package setting

import (
	"fmt"
	"math"
	"strings"

	"github.com/dustin/go-humanize"
)

// Size is a number of bytes. Users write it with a unit: 64MiB, 500MB, or 0 for nothing.
type Size int64

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	bytes, err := humanize.ParseBytes(string(text))
	if err != nil || bytes > math.MaxInt64 {
		return fmt.Errorf("%q is not a size: write bytes with a unit, for example 64MiB, or 0", text)
	}
	*s = Size(bytes)
	return nil
}

// MarshalText returns the size with the largest unit that keeps it whole enough to read.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String returns the size as users write it.
func (s Size) String() string { return strings.ReplaceAll(humanize.IBytes(uint64(max(s, 0))), " ", "") }
