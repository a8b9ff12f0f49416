//go:build soak

package soak_test

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// arrived is what the collector has of one trace: spans of the run itself, and of its requests to the target.
type arrived struct{ roots, requests map[string]bool }

// answering is how the collector treats requests while something is wrong.
type answering struct {
	status int
	delay  time.Duration
	cut    bool // the connection breaks before an answer
}

// collector is a stand-in for an OpenTelemetry collector over HTTP: https://opentelemetry.io/docs/specs/otlp/#otlphttp. It refuses what a
// collector refuses, and answers with the messages of the protocol.
type collector struct {
	*httptest.Server
	troubles[answering]

	state   sync.Mutex
	now     *answering
	traces  map[string]*arrived // by trace in hexadecimal
	refused []string            // why requests were malformed
}

func newCollector() *collector {
	c := &collector{traces: map[string]*arrived{}}
	c.apply = func(what *answering) {
		c.state.Lock()
		defer c.state.Unlock()
		c.now = what
	}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	return c
}

func (c *collector) serve(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil { // the daemon was killed, or gave up
		return
	}
	body, err := decode(r, raw)
	if err != nil {
		c.refuse(w, err)
		return
	}
	c.state.Lock()
	now := c.now
	c.state.Unlock()
	if now != nil {
		delay := time.NewTimer(now.delay)
		defer delay.Stop()
		<-delay.C
		switch {
		case now.cut:
			panic(http.ErrAbortHandler)
		case now.status != 0:
			say(w, now.status, &status.Status{Message: "not now"})
			return
		}
	}
	answer, err := c.accept(r.URL.Path, body)
	if err != nil {
		c.refuse(w, err)
		return
	}
	say(w, http.StatusOK, answer)
}

// decode returns the message of a request that has the form of the protocol.
func decode(r *http.Request, raw []byte) ([]byte, error) {
	if kind := r.Header.Get("Content-Type"); r.Method != http.MethodPost || kind != "application/x-protobuf" {
		return nil, fmt.Errorf("%s with %q", r.Method, kind)
	}
	if r.Header.Get("Content-Encoding") != "gzip" {
		return raw, nil
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(unzipped)
}

// say answers with a message of the protocol.
func say(w http.ResponseWriter, code int, message proto.Message) {
	text, err := proto.Marshal(message)
	if err != nil {
		panic(err) // it is one of ours
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(code)
	_, _ = w.Write(text)
}

func (c *collector) refuse(w http.ResponseWriter, why error) {
	c.state.Lock()
	c.refused = append(c.refused, why.Error())
	c.state.Unlock()
	say(w, http.StatusBadRequest, &status.Status{Message: why.Error()})
}

// accept takes a request of one signal, and returns the answer.
func (c *collector) accept(path string, body []byte) (proto.Message, error) {
	switch path {
	case "/v1/traces":
		var request collectortrace.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &request); err != nil {
			return nil, err
		}
		for _, resource := range request.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, s := range scope.GetSpans() {
					if err := c.keep(s); err != nil {
						return nil, err
					}
				}
			}
		}
		return &collectortrace.ExportTraceServiceResponse{}, nil
	case "/v1/metrics":
		return &collectormetrics.ExportMetricsServiceResponse{}, proto.Unmarshal(body, &collectormetrics.ExportMetricsServiceRequest{})
	case "/v1/logs":
		return &collectorlogs.ExportLogsServiceResponse{}, proto.Unmarshal(body, &collectorlogs.ExportLogsServiceRequest{})
	}
	return nil, fmt.Errorf("there is no %s", path)
}

// keep keeps what a span says, as far as the soak asks.
func (c *collector) keep(s *tracepb.Span) error {
	switch {
	case len(s.GetTraceId()) != 16, len(s.GetSpanId()) != 8, len(s.GetParentSpanId()) != 0 && len(s.GetParentSpanId()) != 8:
		return fmt.Errorf("span %q has identifiers of a wrong length", s.GetName())
	case s.GetName() == "", s.GetStartTimeUnixNano() == 0, s.GetEndTimeUnixNano() < s.GetStartTimeUnixNano():
		return fmt.Errorf("span %q has no name, or lasts from %d to %d", s.GetName(), s.GetStartTimeUnixNano(), s.GetEndTimeUnixNano())
	}
	c.state.Lock()
	defer c.state.Unlock()
	trace, id := hex.EncodeToString(s.GetTraceId()), hex.EncodeToString(s.GetSpanId())
	of := c.traces[trace]
	if of == nil {
		of = &arrived{roots: map[string]bool{}, requests: map[string]bool{}}
		c.traces[trace] = of
	}
	switch {
	case len(s.GetParentSpanId()) == 0 && strings.HasPrefix(s.GetName(), "probe "):
		of.roots[id] = true
	case strings.HasPrefix(s.GetName(), "GET /endpoint/"):
		of.requests[id] = true
	}
	return nil
}

// counts returns how many spans of runs and of requests a trace has.
func (c *collector) counts(trace string) (roots, requests int) {
	c.state.Lock()
	defer c.state.Unlock()
	of := c.traces[trace]
	if of == nil {
		return 0, 0
	}
	return len(of.roots), len(of.requests)
}
