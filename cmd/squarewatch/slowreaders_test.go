package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// manyProbesFile is a file with many probes that fail, each with a row of its own on the page and a series of its own in a rule.
func manyProbesFile(many int) string {
	var file strings.Builder
	file.WriteString("target: http://127.0.0.1:1\nstate_dir: none\ncatalogue: none\ndefaults: {schedule: \"@every 1h\"}\n" +
		"rules: [{name: failing, on: [unexpected], window: 2h, threshold: 50%, min_runs: 100}]\nprobes:\n")
	for i := range many {
		_, _ = fmt.Fprintf(&file, "  - {name: probe-of-an-endpoint-%05d, path: /api/v1/endpoint/%d/}\n", i, i)
	}
	return file.String()
}

// liveHeap returns the number of heap bytes that are in use.
func liveHeap() int64 {
	for range 2 { // the second one frees what pools held
		runtime.GC()
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestAttackWithManySlowReaders asks for large answers and reads only their beginning. A second passes between two requests, so that each
// answer is a new one.
func TestAttackWithManySlowReaders(t *testing.T) {
	const probes, readers = 400, 40
	for path, until := range map[string]string{
		"/api/v1/status": "{",
		"/metrics":       "\nsquarewatch_probe_up{", // when all gauges have been read
	} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSceneWith(t, manyProbesFile(probes), func(*Options) {})
				defer s.stop()
				s.after(61 * time.Minute) // every probe has run, and few run while the answers are read
				_, whole := s.get(path)
				before := liveHeap()
				var kept []net.Conn
				for range readers {
					kept = append(kept, s.readSlowly(path, until))
					s.after(time.Second)
				}
				each := (liveHeap() - before) / readers
				t.Logf("%d bytes are held for a reader of %d bytes", each, len(whole))
				if limit := int64(len(whole)/8 + 100<<10); each > limit {
					t.Errorf("want at most %d bytes for a reader, got %d", limit, each)
				}
				for _, conn := range kept {
					_ = conn.Close()
				}
			})
		})
	}
}

// TestTheOldestAnswerIsCutOff starts two more slow readers of an answer than the limit allows. The two oldest are cut off; the others get
// the whole answer.
func TestTheOldestAnswerIsCutOff(t *testing.T) {
	for path, limit := range map[string]int{"/metrics": maxScrapes, "/": maxPages, "/incidents": maxPages, "/on-call": maxPages} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSceneWith(t, manyProbesFile(100), func(*Options) {})
				defer s.stop()
				s.after(61 * time.Minute)
				_, whole := s.get(path)
				var kept []net.Conn
				for range limit + 2 {
					kept = append(kept, s.readSlowly(path, "\r\n\r\n"))
				}
				for i, conn := range kept {
					rest, _ := io.ReadAll(conn)
					if got := len(rest) >= len(whole); got != (i > 1) {
						t.Errorf("want only the readers 0 and 1 cut off, got %d of %d bytes for reader %d", len(rest), len(whole), i)
					}
					_ = conn.Close()
				}
			})
		})
	}
}

// readSlowly sends a request and reads the answer until a text comes.
func (s *scene) readSlowly(path, until string) net.Conn {
	s.t.Helper()
	conn, err := s.page.Transport.(*http.Transport).DialContext(s.t.Context(), "tcp", "localhost:80")
	if err == nil {
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path)
	}
	var seen []byte
	piece := make([]byte, 1)
	for err == nil && !bytes.HasSuffix(seen, []byte(until)) {
		_, err = io.ReadFull(conn, piece)
		seen = append(seen, piece...)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return conn
}
