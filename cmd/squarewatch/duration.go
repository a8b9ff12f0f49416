package main

import (
	"time"

	"github.com/spf13/pflag"

	"squarewatch/config"
)

// durationFlag is a duration on the command line, written as in the file: days and weeks are understood too.
type durationFlag time.Duration

var _ pflag.Value = (*durationFlag)(nil)

// Set reads a duration; see [config.ParseDuration].
func (d *durationFlag) Set(text string) error {
	parsed, err := config.ParseDuration(text)
	*d = durationFlag(parsed)
	return err
}

// String returns the duration as Go writes it.
func (d *durationFlag) String() string { return time.Duration(*d).String() }

// Type names the kind of flag.
func (d *durationFlag) Type() string { return "duration" }
