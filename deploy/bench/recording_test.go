package bench_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
)

// recordedFile holds what the last recorded sweep measured. make bench-record writes it.
const recordedFile = "recorded.json"

// sample is what one turn of a program measured: figures by name.
type sample map[string]float64

// The names of figures.
const (
	cpuPerRun    = "cpu_us_per_run"     // CPU time of a run, in microseconds
	timesBare    = "x_bare"             // the same, divided by that of the bare loop in the same round
	resident     = "resident_mb"        // resident memory at the end of the turn
	proportional = "proportional_mb"    // the same, with shared pages divided among the processes that share them
	anonymous    = "anonymous_mb"       // the part of it that is not the pages of files, such as the binary
	runsPerSec   = "runs_per_s"         // requests that the target got
	spacing      = "spacing_p99_ms"     // how far the time between two requests of a probe is from its interval
	lateness     = "lateness_p99_ms"    // how late runs start, from the buckets of squarewatch's own metric
	missed       = "missed"             // runs that squarewatch did not start
	ready        = "ready_ms"           // from the start of the process until it says that it is ready
	scrapeTime   = "scrape_ms"          // how long a scrape of /metrics as text takes
	scrapeSize   = "scrape_b_per_probe" // its size
	cpuShare     = "cpu_percent"        // CPU time while idle, in percent of a core
)

// spread is a figure over several turns.
type spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// figures are what several turns of a program measured, by name.
type figures map[string]spread

// setting is what all programs of a comparison do.
type setting struct {
	Rate   int  `json:"runs_per_s"`
	Probes int  `json:"probes"`
	TLS    bool `json:"tls"`
	Reuse  bool `json:"reuse"`
}

// String names a setting: "1000/s, 1000 probes, plain, fresh".
func (s setting) String() string {
	if s.Probes == 0 {
		return "idle"
	}
	words := map[bool]string{s.TLS: "TLS", !s.TLS: "plain"}
	connection := map[bool]string{s.Reuse: "reuse", !s.Reuse: "fresh"}
	return fmt.Sprintf("%d/s, %d probes, %s, %s", s.Rate, s.Probes, words[true], connection[true])
}

// cell is what the programs measured in a setting.
type cell struct {
	setting

	Turns    int                `json:"turns"` // of each program
	Programs map[string]figures `json:"programs"`
}

// recording is what a sweep measured, and where.
type recording struct {
	Commit   string              `json:"commit"` // with its date
	Command  string              `json:"command"`
	Machine  string              `json:"machine"`
	Versions string              `json:"versions"`
	Load     string              `json:"load"` // of the machine just before
	Seconds  float64             `json:"seconds"`
	Binary   float64             `json:"binary_mb"`
	Cells    []cell              `json:"cells"`
	Profiles map[string][]string `json:"profiles"` // of the budgets that are missed: the share of the CPU time, and the function
}

// figure returns a figure of a program in a setting; false if it was not measured.
func (r recording) figure(s setting, program, name string) (spread, bool) {
	for _, c := range r.Cells {
		if c.setting == s {
			got, ok := c.Programs[program][name]
			return got, ok
		}
	}
	return spread{}, false
}

// readRecording reads what the last recorded sweep measured.
func readRecording() (r recording, err error) {
	text, err := os.ReadFile(recordedFile)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(text, &r)
}

// summed returns the figures of several turns.
func summed(turns []sample) figures {
	all := map[string][]float64{}
	for _, turn := range turns {
		for name, value := range turn {
			all[name] = append(all[name], value)
		}
	}
	sum := figures{}
	for name, values := range all {
		slices.Sort(values)
		middle := (values[len(values)/2] + values[(len(values)-1)/2]) / 2
		sum[name] = spread{rounded(middle), rounded(values[0]), rounded(values[len(values)-1])}
	}
	return sum
}

// rounded returns a value with four digits that count.
func rounded(value float64) float64 {
	if value == 0 {
		return 0
	}
	unit := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(value))))
	return math.Round(value*unit) / unit
}
