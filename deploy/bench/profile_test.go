//go:build bench

package bench_test

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// shown are the functions to which a profile attributes CPU time: those of squarewatch, and those of net/http and of the runtime that run
// in goroutines of their own. Each gets what the functions that it calls use, up to the next one that is shown.
const shown = `^squarewatch/|^net/http\.\(\*persistConn\)\.(read|write)Loop|^net/http\.\(\*Transport\)\.dialConnFor|` +
	`^runtime\.(gcBgMarkWorker|bgsweep|bgscavenge|schedule|gcAssistAlloc)$`

// profiles returns, for each budget of CPU time that is missed, the functions that use most of it, by the name of the budget.
func (s *stage) profiles(r recording) map[string][]string {
	s.Helper()
	all := map[string][]string{}
	for _, b := range budgets() {
		got, known := b.figure(r)
		if !known || got.Median <= b.atMost || b.name != timesBare {
			continue
		}
		all[b.what] = s.profile(b.program, b.at)
	}
	return all
}

// profile returns the functions of a program that use most CPU time in a setting, each with its share.
func (s *stage) profile(program string, at setting) (lines []string) {
	s.Helper()
	address := freePort(s)
	s.target.reset(at.interval())
	r := s.start(program, at, "--pprof", address)
	defer r.stop()
	<-time.After(2 * warmUp)
	request, err := http.NewRequestWithContext(s.Context(), http.MethodGet, "http://"+address+"/debug/pprof/profile?seconds=6", http.NoBody)
	if err != nil {
		s.Fatal(err)
	}
	response, err := new(http.Client).Do(request)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	profile, err := io.ReadAll(response.Body)
	if err != nil {
		s.Fatal(err)
	}
	path := write(s, s.TempDir(), "cpu.pprof", string(profile))
	text, err := exec.CommandContext(s.Context(), "go", "tool", "pprof", "-top", "-nodecount=12", "-show="+shown, path).Output()
	if err != nil {
		s.Fatal(err)
	}
	for _, found := range regexp.MustCompile(`(?m)^\s*\S+\s+([\d.]+%)\s+\S+\s+\S+\s+\S+%\s+(\S+)`).FindAllStringSubmatch(string(text), -1) {
		lines = append(lines, fmt.Sprintf("%s `%s`", found[1], strings.TrimPrefix(found[2], "squarewatch/")))
	}
	return lines
}
