package statuspage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// refresh is how long a snapshot is shown to all viewers before the next one is made.
	refresh = time.Second
	// queryTimeout limits the reading of stored runs for one page, backtestTimeout that for one experiment.
	queryTimeout, backtestTimeout = 5 * time.Second, 30 * time.Second
	// maxSheets limits the pages that are kept until the next snapshot.
	maxSheets = 64
	// forgetAfter is how long a snapshot is kept after its last request.
	forgetAfter = 10 * time.Second
)

// policy returns a Content-Security-Policy that allows only the style, scripts, images and requests of the pages.
func policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; script-src 'self'; img-src 'self'; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// errBusy is returned while another experiment runs.
var errBusy = errors.New("another backtest is running: try again in some seconds")

// Server serves the pages. Methods may be called by many goroutines.
type Server struct {
	source    Source
	strips    *Strips
	templates templatesAt
	viewers   *viewers
	files     map[string]document // by name
	parts     storedParts
	trying    chan struct{} // a semaphore: one experiment may run at a time
	onCall    template.HTML // the page that says what to do with a message
	policy    string

	making chan struct{} // full while a snapshot is made

	mu      sync.Mutex
	shown   *Snapshot
	runs    uint64            // Changes of the strips before shown was made
	sheets  map[string]*sheet // of shown, by address
	changes int               // how often people changed something
}

// New returns a server. Its strips are a sink of the daemon.
func New(source Source, strips *Strips) (*Server, error) {
	all, err := parseTemplates()
	if err != nil {
		return nil, err
	}
	files, err := staticFiles()
	if err != nil {
		return nil, err
	}
	steps, err := onCall()
	if err != nil {
		return nil, err
	}
	return &Server{
		source: source, strips: strips, templates: all, viewers: newViewers(), files: files, parts: storedParts{read: map[string]stored{}},
		trying: make(chan struct{}, 1), making: make(chan struct{}, 1), onCall: steps, policy: policy(),
	}, nil
}

// Register adds the pages to a mux.
func (s *Server) Register(mux *http.ServeMux) {
	mux.Handle("GET /{$}", s.page(s.home))
	mux.Handle("GET /index.json", s.page(s.home))
	mux.Handle("GET /probe/{name}", s.page(s.probe))
	mux.Handle("GET /run/{name}", s.page(s.run))
	mux.Handle("GET /incident/{name}", s.page(s.incident))
	mux.HandleFunc("GET /incident", s.lead)
	mux.Handle("GET /rules/{name}", s.page(s.rule))
	mux.Handle("GET /incidents", s.page(s.incidents))
	mux.Handle("GET /incidents.json", s.page(s.incidents))
	mux.Handle("GET /on-call", s.page(s.onCallPage))
	mux.HandleFunc("GET /events", s.events)
	for name, d := range s.files {
		mux.HandleFunc("GET /static/"+name, func(w http.ResponseWriter, r *http.Request) {
			s.harden(w.Header())
			d.send(w, r, http.StatusOK)
		})
	}
}

// content holds the parts of a page: the name of its template, its struct and its HTTP status.
type content struct {
	template string
	value    any
	status   int
}

// page serves a page as HTML, or as JSON when the address ends in .json.
func (s *Server) page(make func(r *http.Request, shown *Snapshot, name string) (content, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.harden(w.Header())
		shown := s.snapshot(r.Context())
		d, status, err := s.sheet(shown, r.URL.RequestURI()).of(func() (document, int, error) {
			name, asJSON := strings.CutSuffix(r.PathValue("name"), ".json")
			c, err := make(r, shown, name)
			if err != nil {
				c = content{"problem", failed(shown, err), http.StatusServiceUnavailable}
			}
			d, err := s.document(c, asJSON || r.URL.Path == "/index.json" || r.URL.Path == "/incidents.json")
			return d, c.status, err
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		d.send(w, r, status)
	})
}

// document renders a page.
func (s *Server) document(c content, asJSON bool) (document, error) {
	if asJSON {
		fillLists(reflect.ValueOf(c.value))
		body, err := json.Marshal(c.value)
		if err != nil {
			return document{}, fmt.Errorf("encode the page %s: %w", c.template, err)
		}
		return newDocument("application/json", body)
	}
	body, err := s.templates.render(c.template, c.value)
	if err != nil {
		return document{}, err
	}
	return newDocument("text/html; charset=utf-8", body)
}

func (s *Server) harden(h http.Header) {
	h.Set("Content-Security-Policy", s.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
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
	number, _ := strconv.Atoi(query.Get("page")) // an invalid number means the first page
	filter := Filter{Query: foreign(query.Get("q"), cutName), State: query.Get("state"), Page: number, All: query.Get("show") == "all"}
	if slices.ContainsFunc(stripPeriods(), func(p period) bool { return p.name == query.Get("last") }) {
		filter.Last = query.Get("last")
	}
	if filter.State != "bad" && filter.State != "late" && filter.State != "silenced" {
		filter.State = ""
	}
	h := NewHome(shown, filter)
	s.readPeriod(r.Context(), h, shown)
	return content{"home", h, http.StatusOK}, nil
}

func (s *Server) probe(r *http.Request, shown *Snapshot, name string) (content, error) {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	page, found, err := NewProbePage(ctx, shown, &s.source, name, r.URL.Query().Get("last"))
	if err == nil && !found {
		return missing(shown, "There is no probe with this name in the configuration."), nil
	}
	return content{"probe", page, http.StatusOK}, err
}

func (s *Server) run(r *http.Request, shown *Snapshot, name string) (content, error) {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	page, found, err := NewRunPage(ctx, shown, &s.source, name)
	if err == nil && !found {
		return missing(shown, "Nothing is kept of a run with this trace: it is older than retention.runs, or healthy and "+
			"not in the sample."), nil
	}
	return content{"run", page, http.StatusOK}, err
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
