package statuspage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

const (
	// refresh is how long a snapshot is shown to all viewers before the next one is made.
	refresh = time.Second
	// queryTimeout limits the reading of stored runs for one page, backtestTimeout that for one experiment.
	queryTimeout, backtestTimeout = 5 * time.Second, 30 * time.Second
	// maxRendered limits the pages that are kept until the next snapshot.
	maxRendered = 64
)

// policy allows what the page itself is made of, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

// errBusy is returned while another experiment runs.
var errBusy = errors.New("another backtest is running: try again in some seconds")

// Server serves the pages. Methods may be called by many goroutines.
type Server struct {
	source    Source
	strips    *Strips
	templates templatesAt
	viewers   *viewers
	trying    chan struct{} // holds the place of the one experiment that may run
	onCall    template.HTML // what to do with a message

	mu       sync.Mutex
	shown    *Snapshot
	rendered map[string]document // of shown, by address
}

// document is an answer.
type document struct {
	kind string // its media type
	body []byte
	etag string
}

// New returns a server. Its strips are a sink of the daemon.
func New(source Source, strips *Strips) (*Server, error) {
	all, err := parseTemplates()
	if err != nil {
		return nil, err
	}
	steps, err := onCall()
	if err != nil {
		return nil, err
	}
	return &Server{
		source: source, strips: strips, templates: all, viewers: newViewers(), trying: make(chan struct{}, 1), onCall: steps,
	}, nil
}

// Register adds the pages to a mux.
func (s *Server) Register(mux *http.ServeMux) {
	mux.Handle("GET /{$}", s.page(s.home))
	mux.Handle("GET /index.json", s.page(s.home))
	mux.Handle("GET /probe/{name}", s.page(s.probe))
	mux.Handle("GET /run/{name}", s.page(s.run))
	mux.Handle("GET /incident/{name}", s.page(s.incident))
	mux.Handle("GET /rules/{name}", s.page(s.rule))
	mux.Handle("GET /on-call", s.page(s.onCallPage))
	mux.HandleFunc("GET /events", s.events)
	if files, err := fs.Sub(static, "static"); err == nil {
		entries, _ := fs.ReadDir(files, ".")
		for _, e := range entries {
			mux.Handle("GET /static/"+e.Name(), s.file(files, e.Name()))
		}
	}
}

// content is what a page is made of: the name of its template, its struct, and the status.
type content struct {
	template string
	value    any
	status   int
}

// page serves a page as HTML, or as JSON when the address ends in .json.
func (s *Server) page(make func(r *http.Request, shown *Snapshot, name string) (content, error)) http.Handler {
	return gzhttp.GzipHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		harden(w.Header())
		shown := s.snapshot(r.Context())
		if d, ok := s.known(shown, r.URL.RequestURI()); ok {
			send(w, r, d, http.StatusOK)
			return
		}
		name, asJSON := strings.CutSuffix(r.PathValue("name"), ".json")
		asJSON = asJSON || r.URL.Path == "/index.json"
		c, err := make(r, shown, name)
		if err != nil {
			c = content{"problem", failed(shown, err), http.StatusServiceUnavailable}
		}
		d, err := s.document(c, asJSON)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if c.status == http.StatusOK {
			s.keep(shown, r.URL.RequestURI(), d)
		}
		send(w, r, d, c.status)
	}))
}

func (s *Server) document(c content, asJSON bool) (d document, err error) {
	if asJSON {
		d.kind = "application/json"
		fillLists(reflect.ValueOf(c.value))
		d.body, err = json.Marshal(c.value)
	} else {
		d.kind = "text/html; charset=utf-8"
		d.body, err = s.templates.render(c.template, c.value)
	}
	sum := sha256.Sum256(d.body)
	d.etag = `W/"` + hex.EncodeToString(sum[:8]) + `"`
	return d, err
}

// snapshot returns the snapshot that all viewers see now. It makes a new one at most once a second.
func (s *Server) snapshot(ctx context.Context) *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.shown == nil || now.Sub(s.shown.Now) >= refresh || now.Before(s.shown.Now) {
		s.shown, s.rendered = s.source.Snapshot(ctx, now), map[string]document{}
	}
	return s.shown
}

// known returns a page that was rendered from a snapshot.
func (s *Server) known(shown *Snapshot, address string) (document, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.rendered[address]
	return d, ok && s.shown == shown
}

// keep remembers a page that was rendered from a snapshot.
func (s *Server) keep(shown *Snapshot, address string, d document) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shown == shown && len(s.rendered) < maxRendered {
		s.rendered[address] = d
	}
}

func harden(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
}

func send(w http.ResponseWriter, r *http.Request, d document, status int) {
	h := w.Header()
	h.Set("Content-Type", d.kind)
	if status == http.StatusOK {
		h.Set("ETag", d.etag)
		if r.Header.Get("If-None-Match") == d.etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write(d.body)
}

// file serves an embedded file.
func (s *Server) file(files fs.FS, name string) http.Handler {
	body, _ := fs.ReadFile(files, name)
	sum := sha256.Sum256(body)
	d := document{body: body, etag: `W/"` + hex.EncodeToString(sum[:8]) + `"`}
	switch {
	case strings.HasSuffix(name, ".css"):
		d.kind = "text/css; charset=utf-8"
	case strings.HasSuffix(name, ".js"):
		d.kind = "text/javascript; charset=utf-8"
	case strings.HasSuffix(name, ".svg"):
		d.kind = "image/svg+xml"
	}
	return gzhttp.GzipHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		harden(w.Header())
		send(w, r, d, http.StatusOK)
	}))
}

// Missing is the page for an address without content, and for a failure.
type Missing struct {
	Head

	Say string `json:"error"`
}

func missing(s *Snapshot, say string) content {
	return content{"problem", &Missing{Head: headOf(s, say, "unknown"), Say: say}, http.StatusNotFound}
}

func failed(s *Snapshot, err error) *Missing {
	say := "This page cannot be shown now: " + foreign(err.Error(), cutExcerpt) + "."
	return &Missing{Head: headOf(s, say, "unknown"), Say: say}
}

func (s *Server) home(r *http.Request, shown *Snapshot, _ string) (content, error) {
	query := r.URL.Query()
	number, _ := strconv.Atoi(query.Get("page")) // anything else is the first page
	filter := Filter{Query: foreign(query.Get("q"), cutName), State: query.Get("state"), Page: number}
	if filter.State != "bad" && filter.State != "late" && filter.State != "silenced" {
		filter.State = ""
	}
	return content{"home", NewHome(shown, filter), http.StatusOK}, nil
}

func (s *Server) probe(r *http.Request, shown *Snapshot, name string) (content, error) {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	page, found, err := NewProbePage(ctx, shown, s.source.History(), name, r.URL.Query().Get("last"))
	if err == nil && !found {
		return missing(shown, "There is no probe with this name in the configuration."), nil
	}
	return content{"probe", page, http.StatusOK}, err
}

func (s *Server) run(r *http.Request, shown *Snapshot, name string) (content, error) {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	page, found, err := NewRunPage(ctx, shown, s.source.History(), name)
	if err == nil && !found {
		return missing(shown, "Nothing is kept of a run with this trace: it is older than retention.runs, or healthy and "+
			"not in the sample."), nil
	}
	return content{"run", page, http.StatusOK}, err
}

func (s *Server) incident(r *http.Request, shown *Snapshot, id string) (content, error) {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	found, records, err := s.records(ctx, shown, id)
	if errors.Is(err, outbox.ErrNoIncident) {
		return missing(shown, "No incident with this identifier fires, and none is stored."), nil
	}
	if err != nil {
		return content{}, err
	}
	return content{"incident", NewIncidentPage(shown, found, records), http.StatusOK}, nil
}

// records returns an incident with what is stored of it. A disk that fails hides no incident that fires.
func (s *Server) records(ctx context.Context, shown *Snapshot, id string) (*alert.Incident, Records, error) {
	var found *alert.Incident
	for i := range shown.Firing {
		if shown.Firing[i].ID == id {
			found = &shown.Firing[i]
		}
	}
	for i := range shown.Ended {
		if found == nil && shown.Ended[i].ID == id {
			found = &shown.Ended[i]
		}
	}
	store := s.source.Store()
	if store == nil {
		if found == nil {
			return nil, Records{}, outbox.ErrNoIncident
		}
		return found, Records{}, nil
	}
	if found == nil {
		stored, err := store.Incident(ctx, id)
		if err != nil {
			return nil, Records{}, err
		}
		found = &stored
	}
	deliveries, errDeliveries := store.Deliveries(ctx, id)
	notes, errNotes := store.Notes(ctx, id)
	records := Records{Deliveries: deliveries, Notes: notes}
	if err := errors.Join(errDeliveries, errNotes); err != nil {
		records.Fault = "Messages and notes cannot be read now: " + foreign(err.Error(), cutExcerpt) + "."
	}
	return found, records, nil
}

func (s *Server) rule(r *http.Request, shown *Snapshot, name string) (content, error) {
	query := r.URL.Query()
	page, found := newRulePage(shown, name, query)
	if !found {
		return missing(shown, "There is no rule with this name in the configuration."), nil
	}
	if !page.Tried || !shown.Kept {
		return content{"rule", page, http.StatusOK}, nil
	}
	select {
	case s.trying <- struct{}{}:
		defer func() { <-s.trying }()
	default:
		return content{}, errBusy
	}
	ctx, cancel := context.WithTimeout(r.Context(), backtestTimeout)
	defer cancel()
	if err := page.try(ctx, &s.source, s.source.History(), query); err != nil {
		return content{}, fmt.Errorf("try the rule %s: %w", name, err)
	}
	return content{"rule", page, http.StatusOK}, nil
}
