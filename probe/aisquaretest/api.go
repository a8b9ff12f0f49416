// Package aisquaretest provides a stand-in for the AISquare Studio API, as net/http/httptest provides servers for net/http. It has
// the endpoints that can be probed, principals whose credentials expire and can be revoked, studios of every visibility, and
// faults that tests switch on and off for each path.
//
// The answers follow the public documentation of the API, including the form of error bodies. The stand-in uses package time, so
// it works in a testing/synctest bubble; [Pipe] connects to it there.
package aisquaretest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Options are the options of an API. The zero value is usable.
type Options struct {
	AccessLifetime  time.Duration // of an access token; 7 days when zero, as documented
	RefreshLifetime time.Duration // of a refresh token; 30 days when zero, as documented
	KeepRequests    int           // how many of the newest requests to keep; 1000 when zero, none when negative
}

// The studio and the principal that every new API has.
const (
	DefaultStudio = "ai-research-studio" // a public studio of DefaultOwner
	DefaultOwner  = "partner"
	DefaultKey    = "aisq-demo-key" // the API key of DefaultOwner
)

// API is a stand-in for the AISquare Studio API. It is safe for concurrent use.
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

// New returns an API with [DefaultStudio] and [DefaultKey].
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

// routes returns the endpoints. All paths except the discovery document end in a slash. Without it Django redirects, and so does
// the mux.
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

// ServeHTTP answers like the API, unless a fault is set for the path.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := &answer{ResponseWriter: w}
	defer func() { a.record(r, answer) }()
	if fault := a.nextFault(r.URL.Path); fault == nil || !fault.serve(answer, r) {
		a.mux.ServeHTTP(answer, r)
	}
}

// answer records the status of an answer.
type answer struct {
	http.ResponseWriter

	status int // 0 when the exchange was broken off
}

// WriteHeader records the status and sends it.
func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Write sends bytes of the body. Without a status, it is 200, as in [http.ResponseWriter].
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
	_ = json.NewEncoder(w).Encode(body) // fails only when the client has gone
}

// detail answers with an error body as Django REST framework writes it
// (https://www.django-rest-framework.org/api-guide/exceptions/).
func detail(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, map[string]string{"detail": text})
}

// readJSON reads the string fields of a JSON object and ignores all others.
func readJSON(r *http.Request) map[string]string {
	var raw map[string]any
	_ = json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20)).Decode(&raw) // a bad body has no fields; the endpoint reports that
	fields := make(map[string]string, len(raw))
	for key, value := range raw {
		if text, ok := value.(string); ok {
			fields[key] = text
		}
	}
	return fields
}
