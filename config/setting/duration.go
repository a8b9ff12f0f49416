package setting

import (
	"encoding"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Duration is a time.Duration that also reads days and weeks. Flags use it with pflag's TextVar; package config uses it for every
// time.Duration of the file.
type Duration time.Duration

var (
	_ encoding.TextMarshaler   = Duration(0)
	_ encoding.TextUnmarshaler = (*Duration)(nil)
)

// startsWithDays matches durations that begin with days or weeks, which the time package does not read.
var startsWithDays = regexp.MustCompile(`^[0-9]+[dw]`)

// UnmarshalText reads a duration as the time package writes it (1h30m), or with days or weeks in front (30d, 1d12h).
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if startsWithDays.Match(text) {
		var long model.Duration
		long, err = model.ParseDuration(string(text))
		parsed = time.Duration(long)
	}
	if err != nil {
		return fmt.Errorf("%q is not a duration: write a number and its unit, for example 90s, 30m, 2h or 2d", text)
	}
	*d = Duration(parsed)
	return nil
}

// MarshalText returns the duration as String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String returns the duration in the units that people write: 90d, 1h30m or 90s, and whole days only from two days on.
func (d Duration) String() string {
	const day = 24 * time.Hour
	if length := time.Duration(d); length >= 2*day && length%day == 0 {
		return fmt.Sprintf("%dd", length/day)
	}
	text := time.Duration(d).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-len(zero)+1]
		}
	}
	return text
}
