package catalogue

import (
	_ "embed"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"squarewatch/probe"
)

//go:embed endpoints.yaml
var endpointsFile []byte

// endpoint is a documented request to the API.
type endpoint struct {
	Method string   `yaml:"method"`
	Path   string   `yaml:"path"`
	Effect string   `yaml:"effect"` // creates, publishes, costs, changes; empty for none
	Why    string   `yaml:"why"`
	Only   []string `yaml:"only"`  // with no other field in the body it has no effect
	Body   []string `yaml:"body"`  // fields that are required
	Query  []string `yaml:"query"` // parameters that are required
}

func endpoints() ([]endpoint, error) {
	var all []endpoint
	if err := yaml.Load(endpointsFile, &all); err != nil {
		return nil, fmt.Errorf("read the documented endpoints: %w", err)
	}
	return all, nil
}

// Reviewer knows what the API's documentation says of requests.
type Reviewer struct{ endpoints []endpoint }

// NewReviewer returns a reviewer of the built-in list.
func NewReviewer() (*Reviewer, error) {
	all, err := endpoints()
	return &Reviewer{all}, err
}

// Review returns what is doubtful about a probe, and, as [probe.Invalid], why it may not be run; neither mostly. A watcher
// must not change what it watches: a probe that would needs allow_writes.
func (r *Reviewer) Review(p *probe.Probe) (doubt string, fault error) {
	known, documented := r.find(p)
	if why := effect(p, known, documented); why != "" && !p.AllowWrites {
		fault = &probe.Invalid{
			Field: "method", Problem: fmt.Sprintf("is %s on %s: %s", p.Method, p.Template(), why),
			Fix: "take another endpoint, or write allow_writes: true beside it if it is meant",
		}
	}
	if missing := lacks(p, known); documented && len(missing) > 0 && !expects400(p) {
		doubt = fmt.Sprintf("%s %s wants %s, and answers 400 without: send it, or expect 400", p.Method, p.Template(), strings.Join(missing, " and "))
	}
	return doubt, fault
}

func (r *Reviewer) find(p *probe.Probe) (endpoint, bool) {
	for _, e := range r.endpoints {
		if e.Method == p.Method && fits(e.Path, p.Template()) {
			return e, true
		}
	}
	return endpoint{}, false
}

// fits compares a path with a pattern, segment by segment. A slash at the end makes no difference: the API redirects.
func fits(pattern, path string) bool {
	want, got := strings.Split(strings.Trim(pattern, "/"), "/"), strings.Split(strings.Trim(path, "/"), "/")
	return slices.EqualFunc(want, got, func(w, g string) bool { return w == g || strings.HasPrefix(w, "{") && g != "" })
}

// effect says what a request does beside answering; empty for nothing that is known.
func effect(p *probe.Probe, known endpoint, documented bool) string {
	switch {
	case documented && known.Effect == "":
		return ""
	case documented && len(known.Only) > 0 && onlyHas(p.JSON, known.Only):
		return ""
	case documented:
		return fmt.Sprintf("it %s something there (%s)", known.Effect, known.Why)
	case slices.Contains([]string{http.MethodPut, http.MethodPatch, http.MethodDelete}, p.Method):
		return "such a request changes something"
	}
	return ""
}

func onlyHas(body any, fields []string) bool {
	object, ok := body.(map[string]any)
	for name := range object {
		ok = ok && slices.Contains(fields, name)
	}
	return ok
}

// lacks returns what the API requires and the probe does not send. A body of another kind than JSON is not looked into.
func lacks(p *probe.Probe, known endpoint) []string {
	var missing []string
	if p.Body.IsZero() {
		object, _ := p.JSON.(map[string]any)
		for _, field := range known.Body {
			if _, sent := object[field]; !sent {
				missing = append(missing, field+" in its body")
			}
		}
	}
	_, raw, _ := strings.Cut(p.Path, "?")
	query, _ := url.ParseQuery(raw)
	for _, parameter := range known.Query {
		if !query.Has(parameter) {
			missing = append(missing, parameter+" in its query")
		}
	}
	return missing
}

func expects400(p *probe.Probe) bool {
	return probe.MatchAny(p.Expect.Status, probe.Outcome{Class: probe.BadRequest, Code: http.StatusBadRequest})
}
