package statuspage

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// beatInterval is the time between two heartbeats.
	beatInterval = 15 * time.Second
	// maxViewers limits the pages that listen at one time. Each page holds a connection.
	maxViewers = 50
	// eventTimeout is how long a viewer may take to accept an event.
	eventTimeout = 10 * time.Second
)

// viewers are the pages that listen. An event only says that something changed. The page then loads itself again, so that a live page
// shows the same as a reloaded one.
type viewers struct {
	mu      sync.Mutex
	count   int
	begun   int64         // part of a version: versions of another process differ
	version uint64        // grows with every change
	urgent  uint64        // version of the last change of incidents
	state   string        // of incidents, as last compared
	runs    uint64        // as last compared
	changed chan struct{} // closed at the next change
	ended   chan struct{} // closed at the end of Run
}

func newViewers() *viewers {
	return &viewers{begun: time.Now().UnixMilli(), changed: make(chan struct{}), ended: make(chan struct{})}
}

// Run tells the viewers of changes, at most once a second, until ctx ends. It then ends their connections. It works only while a page
// listens.
func (s *Server) Run(ctx context.Context) {
	defer close(s.viewers.ended)
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			s.forget(now)
			if s.viewers.listening() {
				shown, runs := s.renew(ctx, refresh/2)
				s.viewers.compare(stateOf(shown), runs)
			}
		}
	}
}

// stateOf returns a text that changes when an incident begins, ends, or changes, and when a silence or a fault does.
func stateOf(s *Snapshot) string {
	var text strings.Builder
	_, _ = fmt.Fprint(&text, s.Faults, s.Loaded.UnixMilli())
	for i := range s.Firing {
		f := &s.Firing[i]
		_, _ = fmt.Fprint(&text, " ", f.ID, f.Acknowledged != nil, f.Blame, len(f.Joined))
	}
	for i := range s.Series {
		if !s.Series[i].SilencedUntil.IsZero() {
			_, _ = fmt.Fprint(&text, " ", i, s.Series[i].SilencedUntil.Unix())
		}
	}
	return text.String()
}

func (v *viewers) listening() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.count > 0
}

// compare wakes the viewers when something changed.
func (v *viewers) compare(state string, runs uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if state == v.state && runs == v.runs {
		return
	}
	v.version++
	if state != v.state {
		v.urgent = v.version
	}
	v.state, v.runs = state, runs
	close(v.changed)
	v.changed = make(chan struct{})
}

// wake tells the viewers of an urgent change.
func (v *viewers) wake() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.version++
	v.urgent = v.version
	close(v.changed)
	v.changed = make(chan struct{})
}

// enter adds a viewer. It returns false when there are maxViewers already.
func (v *viewers) enter() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.count >= maxViewers {
		return false
	}
	v.count++
	return true
}

func (v *viewers) leave() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.count--
}

// now returns the current version, the version of the last urgent change, and a channel that closes at the next change.
func (v *viewers) now() (version, urgent uint64, changed <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.version, v.urgent, v.changed
}

// seen returns the version in the identifier of an event. It returns false for an identifier of another process.
func (v *viewers) seen(id string) (uint64, bool) {
	var begun int64
	var version uint64
	if n, err := fmt.Sscanf(id, "%d-%d", &begun, &version); n != 2 || err != nil || begun != v.begun {
		return 0, false
	}
	return version, true
}

// events sends server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html. The event "urgent" says that incidents
// changed, "runs" that there are new runs, and "beat" that squarewatch still runs.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	s.harden(w.Header())
	v := s.viewers
	if !v.enter() {
		w.Header().Set("Retry-After", "30")
		http.Error(w, strconv.Itoa(maxViewers)+" pages listen already; this one shows the state of its loading", http.StatusServiceUnavailable)
		return
	}
	defer v.leave()
	stream := &stream{w: w, control: http.NewResponseController(w), viewers: v}
	if err := stream.control.SetReadDeadline(time.Time{}); err != nil { // the server's read deadline would end the connection
		http.Error(w, "server-sent events need a connection of their own", http.StatusNotImplemented)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	version, _, _ := v.now()
	before, resumed := v.seen(r.Header.Get("Last-Event-ID"))
	kind := "beat"
	if resumed && before < version || r.Header.Get("Last-Event-ID") != "" && !resumed {
		kind = "urgent" // the viewer missed an urgent change
	}
	if stream.send(kind, version) == nil {
		stream.follow(r.Context(), version)
	}
}

// stream is the connection of one viewer.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	viewers *viewers
}

// follow sends events until the viewer leaves.
func (t *stream) follow(ctx context.Context, sent uint64) {
	beat := time.NewTicker(beatInterval)
	defer beat.Stop()
	for {
		version, urgent, changed := t.viewers.now()
		if version > sent {
			kind := "runs"
			if urgent > sent {
				kind = "urgent"
			}
			if t.send(kind, version) != nil {
				return
			}
			sent = version
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-t.viewers.ended:
			return
		case <-changed:
		case <-beat.C:
			if t.send("beat", sent) != nil {
				return
			}
		}
	}
}

// send sends one event.
func (t *stream) send(kind string, version uint64) error {
	if err := t.control.SetWriteDeadline(time.Now().Add(eventTimeout)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(t.w, "event: %s\nid: %d-%d\ndata: %d\n\n", kind, t.viewers.begun, version, time.Now().UnixMilli()); err != nil {
		return err
	}
	return t.control.Flush()
}
