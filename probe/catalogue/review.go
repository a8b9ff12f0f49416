package catalogue

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"squarewatch/config/setting"
	"squarewatch/probe"
)

//go:embed endpoints.yaml
var endpointsFile []byte

// endpoint is a documented request to the API.
type endpoint struct {
	Method  string   `yaml:"method"`
	Path    string   `yaml:"path"`
	Effect  string   `yaml:"effect"` // creates, publishes, costs, changes; empty for none
	Why     string   `yaml:"why"`
	Only    []string `yaml:"only"`    // with no other field in the body it has no effect
	Body    []string `yaml:"body"`    // fields that are required
	Query   []string `yaml:"query"`   // parameters that are required
	Headers []string `yaml:"headers"` // that are required
}

func endpoints() ([]endpoint, error) {
	var all []endpoint
	if err := yaml.Load(endpointsFile, &all, yaml.WithKnownFields()); err != nil {
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

// Review returns what is doubtful about a probe, and, as [setting.Invalid], why it may not be run; neither mostly. A watcher
// must not change what it watches: a probe that would needs allow_writes.
func (r *Reviewer) Review(p *probe.Probe) (doubt string, fault error) {
	known, documented := r.find(p)
	if !p.AllowWrites {
		fault = refuse(p, effect(p, known, documented))
	}
	if missing := lacks(p, known); documented && len(missing) > 0 && !expects400(p) {
		doubt = fmt.Sprintf("%s %s wants %s, and answers 400 without: send it, or expect 400", p.Method, p.Template(), strings.Join(missing, " and "))
	}
	return doubt, fault
}

// refuse returns why a probe may not be run that may write nothing: what its request is known to do, or that nobody can tell.
func refuse(p *probe.Probe, does string) error {
	const fix = "or write allow_writes: true beside it if it is meant"
	if does != "" {
		return &setting.Invalid{Field: "method", Problem: fmt.Sprintf("is %s on %s: %s", p.Method, p.Template(), does), Fix: "take another endpoint, " + fix}
	}
	if field := overridden(p); field != "" {
		return &setting.Invalid{Field: field, Problem: "asks for another method than method: says", Fix: "set method itself, " + fix}
	}
	if !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, p.Method) && ambiguous(p.Template()) {
		return &setting.Invalid{
			Field: "path", Problem: fmt.Sprintf("is %q, which one server reads in another way than the next", p.Path),
			Fix: "write it plainly, without . or .. as a step, two slashes in a row or encoded marks, " + fix,
		}
	}
	return nil
}

// overridden returns the field in which a request asks for another method, as some servers allow; empty for none.
func overridden(p *probe.Probe) string {
	for name := range p.Headers {
		switch strings.ToLower(name) {
		case "x-http-method-override", "x-http-method", "x-method-override":
			return "headers." + name
		}
	}
	fields, _ := sent(p)
	_, inJSON := fields["_method"]
	_, query, _ := strings.Cut(p.Path, "?")
	parameters, _ := url.ParseQuery(query)
	form, _ := url.ParseQuery(p.Body.Reveal())
	switch {
	case parameters.Has("_method"):
		return "path"
	case inJSON && p.Body.IsZero():
		return "json"
	case inJSON, form.Has("_method"):
		return "body"
	}
	return ""
}

// ambiguous reports whether a path names one endpoint to some servers and another one to others.
func ambiguous(given string) bool {
	plain, err := url.PathUnescape(given)
	return err != nil || strings.Contains(strings.ToLower(given), "%2f") ||
		path.Clean(plain) != cmp.Or(strings.TrimSuffix(plain, "/"), "/") ||
		strings.ContainsFunc(plain, func(r rune) bool {
			return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune(`\;?#%`, r)
		})
}

func (r *Reviewer) find(p *probe.Probe) (endpoint, bool) {
	for _, e := range r.endpoints {
		if e.Method == p.Method && fits(e.Path, p.Template()) {
			return e, true
		}
	}
	return endpoint{}, false
}

// format is how the API is asked for an answer in some format: collections.json is collections.
var format = regexp.MustCompile(`\.[a-z0-9]+/?$`)

// fits compares a path with a pattern, segment by segment, as a server reads it. A slash at the end makes no difference: the
// API redirects. Nor do capital letters: a server in front of it may not look at them.
func fits(pattern, given string) bool {
	if plain, err := url.PathUnescape(given); err == nil {
		given = plain
	}
	given = format.ReplaceAllString(path.Clean(given), "")
	want, got := strings.Split(strings.Trim(pattern, "/"), "/"), strings.Split(strings.Trim(given, "/"), "/")
	return slices.EqualFunc(want, got, func(w, g string) bool { return strings.EqualFold(w, g) || strings.HasPrefix(w, "{") && g != "" })
}

// effect says what a request does beside answering; empty for nothing that is known.
func effect(p *probe.Probe, known endpoint, documented bool) string {
	switch {
	case documented && known.Effect == "":
		return ""
	case documented && len(known.Only) > 0 && hasOnly(p, known.Only):
		return ""
	case documented:
		return fmt.Sprintf("it %s something there (%s)", known.Effect, known.Why)
	case slices.Contains([]string{http.MethodPut, http.MethodPatch, http.MethodDelete}, p.Method):
		return "such a request changes something"
	}
	return ""
}

// sent returns the fields of a probe's body; false when that is something else than a JSON object.
func sent(p *probe.Probe) (fields map[string]any, readable bool) {
	switch {
	case !p.Body.IsZero():
		readable = json.Unmarshal([]byte(p.Body.Reveal()), &fields) == nil
	case p.JSON != nil:
		fields, readable = p.JSON.(map[string]any)
	default:
		readable = true
	}
	return fields, readable
}

func hasOnly(p *probe.Probe, names []string) bool {
	fields, readable := sent(p)
	for name := range fields {
		readable = readable && slices.Contains(names, name)
	}
	return readable
}

// lacks returns what the API requires and the probe does not send. A body in another form than JSON is not looked into.
func lacks(p *probe.Probe, known endpoint) []string {
	var missing []string
	if fields, readable := sent(p); readable || p.Body.IsZero() {
		for _, field := range known.Body {
			if _, there := fields[field]; !there {
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
	for _, header := range known.Headers {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(p.Headers)), func(name string) bool { return strings.EqualFold(name, header) }) {
			missing = append(missing, header+" in its headers")
		}
	}
	return missing
}

func expects400(p *probe.Probe) bool {
	return probe.MatchAny(p.Expect.Status, probe.Outcome{Class: probe.BadRequest, Code: http.StatusBadRequest})
}
