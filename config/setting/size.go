package setting

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
)

// Size is a number of bytes. Users write it with a unit: 64MiB, 500MB, or 0.
type Size int64

// largest is the largest size. String rounds, so the text of a much larger number could not be read again.
const largest = 1 << 60

// UnmarshalText parses a size of at most 1 EiB.
func (s *Size) UnmarshalText(text []byte) error {
	bytes, err := humanize.ParseBytes(string(text))
	if err != nil || bytes > largest {
		return fmt.Errorf("%q is not a size: write bytes with a unit, for example 64MiB, or 0", text)
	}
	*s = Size(bytes)
	return nil
}

// MarshalText returns the size as [Size.String] writes it.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String returns the size with a binary unit, for example 64MiB.
func (s Size) String() string { return strings.ReplaceAll(humanize.IBytes(uint64(max(s, 0))), " ", "") }
