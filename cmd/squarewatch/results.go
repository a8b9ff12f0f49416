package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"squarewatch/probe"
)

// resultJSON is one line of a file of results, with the fields that alerting needs. The command squarewatch probe --json writes these
// lines.
type resultJSON struct {
	At         time.Time     `json:"at"` // when the run ended
	Probe      string        `json:"probe"`
	Credential string        `json:"credential"`
	Class      *probe.Class  `json:"class"` // when absent, it follows from the code
	Code       int           `json:"code"`
	Expected   *bool         `json:"expected"` // when absent, true if the class is success
	Reason     string        `json:"reason"`
	Excerpt    string        `json:"excerpt"`
	Blame      probe.Blame   `json:"blame"`
	Breach     bool          `json:"breach"`
	Trace      probe.TraceID `json:"trace_id"`

	Evidence []probe.Evidence `json:"evidence"` // why blame is known
	Advice   string           `json:"settle"`   // how to find out whose fault it is, where that is unknown
}

// result returns the result that a line describes.
func (j *resultJSON) result() (*probe.Result, error) {
	switch {
	case j.Probe == "":
		return nil, errors.New(`"probe" is missing: write the probe's name`)
	case j.At.IsZero():
		return nil, errors.New(`"at" is missing: write when the run ended, as 2006-01-02T15:04:05Z`)
	case j.Class == nil && j.Code == 0:
		return nil, errors.New(`"class" and "code" are missing: write one of them`)
	}
	r := &probe.Result{
		Probe: j.Probe, Credential: j.Credential, Intended: j.At, Start: j.At, End: j.At, Class: probe.ClassOfStatus(j.Code), Code: j.Code,
		Reason: j.Reason, Excerpt: j.Excerpt, Blame: j.Blame, Breach: j.Breach, Trace: j.Trace,
		Evidence: j.Evidence, Advice: j.Advice,
	}
	if j.Class != nil {
		r.Class = *j.Class
	}
	r.Expected = r.Class == probe.Success
	if j.Expected != nil {
		r.Expected = *j.Expected
	}
	return r, nil
}

// longestLine is the limit for a line of a file of results, in bytes.
const longestLine = 1 << 20

// readResults reads one JSON object per line. It stops at a malformed line, with an error that names the line.
func readResults(from io.Reader) iter.Seq2[*probe.Result, error] {
	return func(yield func(*probe.Result, error) bool) {
		lines := bufio.NewScanner(from)
		lines.Buffer(nil, longestLine)
		for number := 1; lines.Scan(); number++ {
			if len(lines.Bytes()) == 0 {
				continue
			}
			r, err := parseResult(lines.Bytes())
			if err != nil {
				yield(nil, fmt.Errorf("line %d of the results: %w", number, err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, fmt.Errorf("read results: %w", err))
		}
	}
}

func parseResult(line []byte) (*probe.Result, error) {
	var j resultJSON
	if err := json.Unmarshal(line, &j); err != nil {
		return nil, fmt.Errorf("is not a result in JSON: %w", err)
	}
	return j.result()
}
