//go:build diagnosis

package diagnosis_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The paths of the API that the file probes.
const (
	reachPath       = "/o/.well-known/openid-configuration"
	tokenPath       = "/api/v1/token/"
	refreshPath     = "/api/v1/token/refresh/"
	permissionPath  = "/api/v1/aistudios/permission/"
	collectionsPath = "/api/v1/collections/"
	feedPath        = "/api/v1/aistudios/experiences/flattened/"
	bookingsPath    = "/api/v1/bookings/config/"
	metricsPath     = "/api/v1/aistudios/metrics/"
)

// front answers instead of the API when a fault says so.
type front struct {
	mu       sync.Mutex
	rng      *rand.Rand
	next     http.Handler
	faults   []*httpFault
	firstBad time.Time // first answer of a fault; zero for none
}

// httpFault is a wrong answer to some requests.
type httpFault struct {
	to    func(*http.Request) bool
	share float64 // of these requests, by chance
	serve http.HandlerFunc
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if serve := f.choose(r); serve != nil {
		serve(w, r)
		return
	}
	f.next.ServeHTTP(w, r)
}

// choose returns the wrong answer to a request; nil for none.
func (f *front) choose(r *http.Request) http.HandlerFunc {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range f.faults {
		if fault.to(r) && (fault.share >= 1 || f.rng.Float64() < fault.share) {
			if f.firstBad.IsZero() {
				f.firstBad = time.Now()
			}
			return fault.serve
		}
	}
	return nil
}

func (f *front) add(fault *httpFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, fault)
}

// first returns when the first wrong answer was given.
func (f *front) first() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.firstBad
}

// heal removes all faults.
func (f *front) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// some is a share of the runs that the seed chooses: between 45 and 85 %.
const some = 0

// answers makes requests get a wrong answer.
func answers(to func(*http.Request) bool, share float64, serve http.HandlerFunc) action {
	return func(s *stage) error {
		if share == some {
			share = 0.45 + 0.4*s.chance()
		}
		s.front.add(&httpFault{to: to, share: share, serve: serve})
		return nil
	}
}

// all is every request.
func all(*http.Request) bool { return true }

// path is the requests to some paths.
func path(paths ...string) func(*http.Request) bool {
	return func(r *http.Request) bool { return slices.Contains(paths, r.URL.Path) }
}

// except is the requests to all but some paths.
func except(paths ...string) func(*http.Request) bool {
	these := path(paths...)
	return func(r *http.Request) bool { return !these(r) }
}

// withKey is the requests with a credential, or with a certain one.
func withKey(key string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		return bearer != "" && (key == "" || bearer == key)
	}
}

// withoutKey is the requests without a credential to some paths.
func withoutKey(paths ...string) func(*http.Request) bool {
	these := path(paths...)
	return func(r *http.Request) bool { return r.Header.Get("Authorization") == "" && these(r) }
}

// refused is the requests with a credential to paths that want one.
func refused(r *http.Request) bool {
	return withKey("")(r) && path(collectionsPath, bookingsPath, metricsPath)(r)
}

// jsonAnswer answers with JSON, as the API does.
func jsonAnswer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="api"`)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// pageAnswer answers with a web page, with pairs of header names and values.
func pageAnswer(status int, title string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<html>\r\n<head><title>%[1]s</title></head>\r\n<body>\r\n<center><h1>%[1]s</h1></center>\r\n"+
			"</body>\r\n</html>\r\n", title)
	}
}

// slowly answers after a delay, unless the client leaves.
func slowly(delay time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-time.After(delay):
			w.WriteHeader(http.StatusOK)
		case <-r.Context().Done():
		}
	}
}

// cut announces more of an answer than it sends.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "400")
	_, _ = io.WriteString(w, `{"count": 1, "results": [`)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
