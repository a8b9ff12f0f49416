//go:build e2e

package e2e_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestACollectorThatRestarts stops and starts a collector while squarewatch sends to it. No span may be lost.
func TestACollectorThatRestarts(t *testing.T) {
	c := newCollector(t)
	overGRPC := c.send(`endpoint: "http://127.0.0.1:` + c.grpc + `", protocol: grpc`)
	overHTTP := c.send(`endpoint: "http://127.0.0.1:` + c.large + `", protocol: http/protobuf`)
	senders := []*sender{overGRPC, overHTTP}
	for _, s := range senders {
		c.arrives(s)
	}
	for range 2 {
		if _, err := stop(t, c.cmd); err != nil {
			t.Log(err)
		}
		for _, s := range senders {
			eventually(t, 60*time.Second, "spans wait", func() bool { return scrape(t, s.listen, "squarewatch_spool_bytes", nil) > 20_000 })
		}
		c.start()
		for _, s := range senders {
			c.arrives(s)
			eventually(t, 60*time.Second, "no spans wait", func() bool { return scrape(t, s.listen, "squarewatch_spool_bytes", nil) < 20_000 })
		}
	}
}

// TestACollectorBehindARateLimit has an nginx in front of a collector. It passes one request of spans in two seconds, and answers others
// with 429 and Retry-After. Spans arrive later, none is lost, and the log does not repeat itself.
func TestACollectorBehindARateLimit(t *testing.T) {
	c := newCollector(t)
	for name, to := range map[string]struct{ path, pass, protocol string }{
		"HTTP": {"/v1/traces", "proxy_pass http://api", "http/protobuf"},
		"gRPC": {"/opentelemetry.proto.collector.trace.v1.TraceService/", "grpc_pass grpc://127.0.0.1:" + c.grpc, "grpc"},
	} {
		t.Run(name, func(t *testing.T) {
			mine := *c
			mine.t = t
			f := newFront(t)
			f.run("nginx", strings.NewReplacer(
				"rate=1r/m", "rate=30r/m",
				"proxy_pass http://api", to.pass,
				"location / {", "location "+to.path+" { limit_req zone=one; limit_req_status 429; add_header Retry-After 2 always; "+
					to.pass+"; }\n    location / {",
			).Replace(nginxConfig("http://127.0.0.1:"+c.large)), syscall.SIGHUP, "-p", filepath.Dir(f.ca), "-c")
			s := mine.send(`endpoint: "` + f.target + `", ca: ` + f.ca + `, protocol: ` + to.protocol)
			began := time.Now()
			mine.arrives(s)
			most := 2 + int(time.Since(began).Minutes()) // the log may have one line a minute
			limited, told := strings.Count(f.log.String(), "limiting requests"), strings.Count(s.log.String(), "spans do not reach the collector")
			t.Logf("%d requests were limited, and %d log lines report it", limited, told)
			if limited == 0 || told > most {
				t.Errorf("want limited requests, and at most %d log lines about them, got %d and %d\n%s", most, limited, told, s.log)
			}
		})
	}
}
