package aisquaretest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"
)

// Fault is what goes wrong with the requests to a path. The fields are applied in order. A fault that has only a Delay lets the
// API answer after it.
type Fault struct {
	Rate  float64       // share of the requests that fail, evenly spread: 0.25 is every fourth; all when zero
	Delay time.Duration // before anything else
	Hang  HangPoint     // where to stop until the client has gone
	Break BreakPoint    // how to break the exchange

	RedirectTo string // Location of a redirect; Status is 302 when zero
	Status     int    // of the answer; 200 when zero and there is a Body or a Header
	Header     http.Header
	Body       string
}

// HangPoint is where an answer stops.
type HangPoint string

// The points to hang at.
const (
	HangBeforeHeaders HangPoint = "before-headers"
	HangDuringHeaders HangPoint = "during-headers" // after half of the status line; HTTP/1 only
	HangDuringBody    HangPoint = "during-body"
)

// BreakPoint is how an exchange is broken.
type BreakPoint string

// The ways to break an exchange.
const (
	BreakReset       BreakPoint = "reset"        // the connection is reset (RST) before an answer
	BreakClose       BreakPoint = "close"        // the connection is closed before an answer
	BreakBody        BreakPoint = "body"         // half of the announced body is sent
	BreakGarbage     BreakPoint = "garbage"      // the answer is not HTTP; HTTP/1 only
	BreakEndlessBody BreakPoint = "endless-body" // the body never ends
	BreakHugeHeaders BreakPoint = "huge-headers" // more header bytes than any client accepts
	BreakGzipBomb    BreakPoint = "gzip-bomb"    // a small body that decompresses to 64 MiB
)

// activeFault is a fault that is set for a path.
type activeFault struct {
	Fault

	due float64 // sum of Rate over the requests so far, minus the requests that failed
}

// SetFault makes requests to a path fail from now on. The path "*" means every path for which no other fault is set.
func (a *API) SetFault(path string, f Fault) {
	if f.Rate == 0 {
		f.Rate = 1
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults[path] = &activeFault{Fault: f}
}

// ClearFault ends the fault of a path.
func (a *API) ClearFault(path string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.faults, path)
}

// ClearFaults ends all faults.
func (a *API) ClearFaults() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.faults)
}

// nextFault returns the fault for the next request to a path; nil for none.
func (a *API) nextFault(path string) *Fault {
	a.mu.Lock()
	defer a.mu.Unlock()
	fault, ok := a.faults[path]
	if !ok {
		if fault, ok = a.faults["*"]; !ok {
			return nil
		}
	}
	fault.due += fault.Rate
	if fault.due < 1 {
		return nil
	}
	fault.due--
	copied := fault.Fault
	return &copied
}

// serve applies the fault and reports whether it has answered. It panics with http.ErrAbortHandler to break off the exchange.
func (f *Fault) serve(w http.ResponseWriter, r *http.Request) bool {
	if f.Delay > 0 || f.Hang != "" {
		drain(r)
	}
	if f.Delay > 0 && !pause(r, f.Delay) {
		panic(http.ErrAbortHandler)
	}
	switch {
	case f.Hang != "":
		f.hang(w, r)
	case f.Break != "":
		f.breakOff(w, r)
	case f.RedirectTo != "":
		status := f.Status
		if status == 0 {
			status = http.StatusFound
		}
		http.Redirect(w, r, f.RedirectTo, status)
	case f.Status == 0 && f.Body == "" && f.Header == nil:
		return false
	default:
		f.answer(w)
	}
	return true
}

// drain reads the request's body and replaces it by a copy. The server notices a client that goes away only after the body was
// read.
func drain(r *http.Request) {
	body, _ := io.ReadAll(r.Body) // an error appears again when the copy is read
	r.Body = io.NopCloser(bytes.NewReader(body))
}

// pause waits for a duration; false when the client went away first.
func pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// answer sends the status, the header and the body of the fault.
func (f *Fault) answer(w http.ResponseWriter) {
	status, body := f.Status, f.Body
	if status == 0 {
		status = http.StatusOK
	}
	if body == "" && status >= 400 {
		body = fmt.Sprintf(`{"detail": %q}`, http.StatusText(status))
	}
	if strings.HasPrefix(body, "{") || strings.HasPrefix(body, "[") {
		w.Header().Set("Content-Type", "application/json")
	}
	maps.Copy(w.Header(), f.Header)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// hang stops the answer until the client has gone.
func (f *Fault) hang(w http.ResponseWriter, r *http.Request) {
	switch f.Hang {
	case HangDuringHeaders:
		conn := hijack(w)
		_, _ = io.WriteString(conn, "HTTP/1.1 200")
		_, _ = io.Copy(io.Discard, conn) // ends when the client closes its side
		_ = conn.Close()
	case HangDuringBody:
		_, _ = io.WriteString(w, `{"results": [`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case HangBeforeHeaders:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// breakOff breaks the exchange.
func (f *Fault) breakOff(w http.ResponseWriter, r *http.Request) {
	switch f.Break {
	case BreakReset:
		reset(w)
	case BreakClose:
		panic(http.ErrAbortHandler)
	case BreakGarbage:
		conn := hijack(w)
		_, _ = io.WriteString(conn, "220 mail.example ESMTP ready\r\n")
		_ = conn.Close()
	case BreakBody:
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, strings.Repeat("x", 50))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case BreakEndlessBody:
		chunk := bytes.Repeat([]byte("endless "), 4096)
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	case BreakHugeHeaders:
		w.Header().Set("X-Huge", strings.Repeat("h", 11<<20))
		w.WriteHeader(http.StatusOK)
	case BreakGzipBomb:
		w.Header().Set("Content-Encoding", "gzip")
		bomb(w)
	}
}

// bomb writes 64 MiB of spaces, compressed to a thousandth.
func bomb(w io.Writer) {
	compressor := gzip.NewWriter(w)
	blank := bytes.Repeat([]byte(" "), 1<<20)
	for range 64 {
		if _, err := compressor.Write(blank); err != nil {
			return
		}
	}
	_ = compressor.Close()
}

// hijack takes over the connection. HTTP/2 does not allow that; the exchange is aborted instead.
func hijack(w http.ResponseWriter) net.Conn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return conn
}

// reset closes the connection, with RST if it is TCP.
func reset(w http.ResponseWriter) {
	conn := hijack(w)
	inner := conn
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok {
		inner = wrapped.NetConn()
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
		return
	}
	_ = conn.Close()
}
