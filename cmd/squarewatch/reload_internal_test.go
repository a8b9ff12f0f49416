package main

import (
	"strings"
	"testing"

	"squarewatch/config"
)

// TestChangesThatNeedARestart checks that a reload refuses, by name, each change that it cannot make.
func TestChangesThatNeedARestart(t *testing.T) {
	for key, change := range map[string]func(*config.Config){
		"listen":                    func(c *config.Config) { c.Listen = "127.0.0.1:1" },
		"state_dir":                 func(c *config.Config) { c.StateDir = "/elsewhere" },
		"telemetry.otlp":            func(c *config.Config) { c.Telemetry.OTLP.Endpoint = "http://127.0.0.1:4317" },
		"telemetry.spool":           func(c *config.Config) { c.Telemetry.Spool = 1 },
		"telemetry.classic_buckets": func(c *config.Config) { c.Telemetry.ClassicBuckets = true },
	} {
		current, next := &config.Config{}, &config.Config{}
		change(next)
		if err := sameProcess(current, next); err == nil || !strings.HasPrefix(err.Error(), key+" changed") {
			t.Errorf("%s: want the change refused, got %v", key, err)
		}
	}
	if err := sameProcess(&config.Config{}, &config.Config{}); err != nil {
		t.Errorf("want a file without changes accepted, got %v", err)
	}
}
