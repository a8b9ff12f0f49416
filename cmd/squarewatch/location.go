package main

import (
	"fmt"

	"squarewatch/config/setting"
)

// locationVariable names the place of a host, where several hosts have the same file.
const locationVariable = "SQUAREWATCH_LOCATION"

// location returns the name of this host's place; empty when it has none.
func location(getenv func(string) string) (string, error) {
	name := getenv(locationVariable)
	if name == "" {
		return "", nil
	}
	var f setting.Faults
	f.AddName(locationVariable, name, "frankfurt")
	if err := f.Err(); err != nil {
		return "", fmt.Errorf("read the environment: %w", err)
	}
	return name, nil
}
