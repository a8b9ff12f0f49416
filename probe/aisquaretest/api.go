// Package aisquaretest is an AISquare Studio API to test against, as net/http/httptest is to net/http: the endpoints that
// may be probed, principals whose credentials expire and can be revoked, studios of every visibility, and faults that are
// switched on and off, path by path, while it runs.
//
// Its answers follow the public record of the API, down to the shapes of error bodies. It keeps time by the package time,
// so that it lives in a testing/synctest bubble too; [Pipe] connects to it there.
package aisquaretest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Options settle an API; the zero value is good.
type Options struct {
	AccessLifetime  time.Duration // of an access token; 7 days when zero, as documented
	RefreshLifetime time.Duration // of a refresh token; 30 days when zero, as documented
	KeepRequests    int           // how many of the newest requests are kept; 1000 when zero, none when negative
}

// What every new API knows, for demos and tests.
const (
	DefaultStudio = "ai-research-studio" // a public studio of DefaultOwner
	DefaultOwner  = "partner"
	DefaultKey    = "aisq-demo-key" // the API key of DefaultOwner
)

// API is a stand-in for the AISquare Studio API. Its methods may be called at any time from any goroutine.
type API struct {
	options  Options
	mux      *http.ServeMux
	signing  []byte // key of the tokens
	mu       sync.Mutex
	accounts accounts
	studios  map[string]Studio
	faults   map[string]*activeFault
	journal  journal
}

// New returns an API that knows [DefaultStudio] and [DefaultKey].
func New(options Options) *API {
	if options.AccessLifetime == 0 {
		options.AccessLifetime = 7 * 24 * time.Hour
	}
	if options.RefreshLifetime == 0 {
		options.RefreshLifetime = 30 * 24 * time.Hour
	}
	if options.KeepRequests == 0 {
		options.KeepRequests = 1000
	}
	a := &API{
		options:  options,
		signing:  []byte(rand.Text()),
		accounts: newAccounts(),
		studios:  map[string]Studio{},
		faults:   map[string]*activeFault{},
		journal:  journal{keep: options.KeepRequests, counts: map[string]map[int]int{}},
	}
	a.mux = a.routes()
	a.AddKey(DefaultOwner, DefaultKey)
	a.AddStudio(Studio{URL: DefaultStudio, Visibility: Public, Owner: DefaultOwner})
	return a
}

// routes lists the endpoints. All paths end in a slash but the discovery document; without it Django redirects, and so does the mux.
func (a *API) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /o/.well-known/openid-configuration", a.discovery)
	mux.HandleFunc("GET /o/userinfo/{$}", a.signedIn(a.userinfo))
	mux.HandleFunc("POST /api/v1/token/{$}", a.login("username"))
	mux.HandleFunc("POST /api/v1/iam/accounts/login/{$}", a.login("login"))
	mux.HandleFunc("POST /api/v1/token/refresh/{$}", a.refresh)
	mux.HandleFunc("POST /api/v1/aistudios/permission/{$}", a.permission)
	mux.HandleFunc("POST /api/v1/aistudios/metrics/{$}", a.signedIn(a.metrics))
	mux.HandleFunc("POST /api/v1/aistudios/public-impact/{$}", a.publicImpact)
	mux.HandleFunc("GET /api/v1/aistudios/experiences/flattened/{$}", a.feed)
	mux.HandleFunc("GET /api/v1/collections/{$}", a.signedIn(a.collections))
	mux.HandleFunc("GET /api/v1/bookings/config/{$}", a.signedIn(a.bookingsConfig))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { detail(w, http.StatusNotFound, "Not found.") })
	return mux
}

// ServeHTTP answers as the API does, unless a fault is set for the path.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := &answer{ResponseWriter: w}
	defer func() { a.note(r, answer) }()
	if fault := a.strike(r.URL.Path); fault == nil || !fault.serve(answer, r) {
		a.mux.ServeHTTP(answer, r)
	}
}

// answer remembers the status that went out.
type answer struct {
	http.ResponseWriter

	status int // 0 when the exchange was cut off
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that has gone away is no fault of the API
}

// detail answers with the error shape of the framework.
func detail(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, map[string]string{"detail": text})
}

// readJSON reads an object of strings; what is not a string is left out.
func readJSON(r *http.Request) map[string]string {
	var raw map[string]any
	_ = json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20)).Decode(&raw) // a bad body has no fields, and the endpoint says so
	fields := make(map[string]string, len(raw))
	for key, value := range raw {
		if text, ok := value.(string); ok {
			fields[key] = text
		}
	}
	return fields
}
