//go:build bench

package bench_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// warmUp is how long a program goes on after each of its probes has run once, before it is measured.
const warmUp = time.Second

// turn starts a program, waits until each probe has run, measures it for a time, and kills it.
func (s *stage) turn(program string, at setting, measured time.Duration) sample {
	s.Helper()
	s.target.reset(at.interval())
	r := s.start(program, at)
	defer r.stop()
	s.awaitRuns(program, at)
	<-time.After(warmUp)
	s.target.begin()
	before, begin := cpu(s, r.processes), time.Now()
	<-time.After(measured)
	used, took := cpu(s, r.processes)-before, time.Since(begin)
	requests, off := s.target.counted()
	got := sample{runsPerSec: float64(requests) / took.Seconds(), spacing: float64(off.Microseconds()) / 1e3}
	switch {
	case requests > 0:
		got[cpuPerRun] = float64(used.Nanoseconds()) / 1e3 / float64(requests)
	case program != blackbox: // which may reach no target in time when it is overloaded
		s.Fatalf("%s (%v) sent no request", program, at)
	}
	if r.address != "" {
		s.scrape(r.address, got)
		got[scrapeSize] /= float64(at.Probes)
	}
	s.remember(r, got)
	if r.ready > 0 {
		got[ready] = float64(r.ready.Microseconds()) / 1e3
	}
	return got
}

// awaitRuns waits until each probe has run. Prometheus gets two intervals for it, because there are rates that it does not reach. It
// begins five seconds after its start: updatert in its discovery/manager.go.
func (s *stage) awaitRuns(program string, at setting) {
	s.Helper()
	latest := time.Now().Add(6*time.Second + 2*at.interval())
	await(s, fmt.Sprintf("each probe of %s has run (%v)", program, at), func() bool {
		return s.target.paths() == at.Probes || program == blackbox && time.Now().After(latest)
	})
}

// idle measures squarewatch with nothing but the built-in probes.
func (s *stage) idle(measured time.Duration) sample {
	s.Helper()
	r := s.start(everything, setting{})
	defer r.stop()
	<-time.After(5 * warmUp)
	before, begin := cpu(s, r.processes), time.Now()
	<-time.After(measured)
	used := cpu(s, r.processes) - before
	got := sample{cpuShare: 100 * used.Seconds() / time.Since(begin).Seconds()}
	s.remember(r, got)
	return got
}

// remember adds what memory a program uses.
func (s *stage) remember(r running, to sample) {
	s.Helper()
	for name, kind := range map[string]string{resident: "Rss:", proportional: "Pss:", anonymous: "Anonymous:"} {
		to[name] = memory(s, r.processes, kind)
	}
}

// scrape reads /metrics as text, and adds what it finds.
func (s *stage) scrape(address string, to sample) {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		s.Fatal(err)
	}
	begin := time.Now()
	response, err := new(http.Client).Do(request)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.Fatal(err)
	}
	to[scrapeTime], to[scrapeSize] = float64(time.Since(begin).Microseconds())/1e3, float64(len(text))
	to[missed] = 0
	var late []bucket
	for lines := bufio.NewScanner(strings.NewReader(string(text))); lines.Scan(); {
		name, number, _ := strings.Cut(lines.Text(), " ")
		value, err := strconv.ParseFloat(number, 64)
		bound, isLate := strings.CutPrefix(name, `squarewatch_schedule_lateness_seconds_bucket{le="`)
		switch {
		case err != nil:
		case strings.HasPrefix(name, "squarewatch_schedule_missed_total"):
			to[missed] += value
		case isLate:
			above, _ := strconv.ParseFloat(strings.TrimSuffix(bound, `"}`), 64)
			late = append(late, bucket{above, value})
		}
	}
	to[lateness] = 1e3 * quantile(0.99, late)
}

// bucket is one of a cumulative histogram of Prometheus.
type bucket struct{ bound, count float64 }

// quantile estimates a quantile as Prometheus does: as if the values of a bucket were spread evenly over it.
func quantile(share float64, buckets []bucket) float64 {
	if len(buckets) == 0 {
		return 0
	}
	rank, below := share*buckets[len(buckets)-1].count, bucket{}
	for _, b := range buckets[:len(buckets)-1] {
		if b.count >= rank {
			return below.bound + (b.bound-below.bound)*(rank-below.count)/(b.count-below.count)
		}
		below = b
	}
	return below.bound
}
