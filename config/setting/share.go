package setting

import (
	"fmt"
	"strconv"
	"strings"
)

// Share is a part of a whole, 0 to 1. Users write it as a percentage (20%) or a fraction (0.2).
type Share float64

// ParseShare reads 20%, 0.5% or 0.2.
func ParseShare(text string) (Share, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	value, err := strconv.ParseFloat(number, 64)
	if percent {
		value /= 100
	}
	if err != nil || !(value >= 0 && value <= 1) {
		return 0, fmt.Errorf("%q is not a share: write a percentage from 0%% to 100%%, for example 20%%", text)
	}
	return Share(value), nil
}

// String returns the share as a percentage with at most one decimal.
func (s Share) String() string {
	return strings.TrimSuffix(strconv.FormatFloat(float64(s)*100, 'f', 1, 64), ".0") + "%"
}

// MarshalText returns the share as a percentage.
func (s Share) MarshalText() ([]byte, error) {
	return []byte(strconv.FormatFloat(float64(s)*100, 'f', -1, 64) + "%"), nil
}

// UnmarshalText reads a share; see [ParseShare].
func (s *Share) UnmarshalText(text []byte) error {
	parsed, err := ParseShare(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}
