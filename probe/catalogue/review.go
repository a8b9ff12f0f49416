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
	Effect  string   `yaml:"effect"` // creates, publishes, costs or changes; empty if it only reads
	Why     string   `yaml:"why"`
	Only    []string `yaml:"only"`    // it only reads if the body has no other fields
	Body    []string `yaml:"body"`    // required fields
	Query   []string `yaml:"query"`   // required parameters
	Headers []string `yaml:"headers"` // required headers
}

func endpoints() ([]endpoint, error) {
	var all []endpoint
	if err := yaml.Load(endpointsFile, &all, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("read the documented endpoints: %w", err)
	}
	return all, nil
}

// Reviewer compares probes with the API's documentation.
type Reviewer struct{ endpoints []endpoint }

// NewReviewer returns a reviewer with the built-in list of endpoints.
func NewReviewer() (*Reviewer, error) {
	all, err := endpoints()
	return &Reviewer{endpoints: all}, err
}

// Review returns a warning about a probe, and, as [setting.Invalid], why it must not run. Both are usually empty. A probe must not
// change the API that it observes, unless it has allow_writes.
func (r *Reviewer) Review(p *probe.Probe) (warning string, fault error) {
	known, documented := r.find(p)
	if !p.AllowWrites {
		fault = refuse(p, effect(p, known, documented))
	}
	if missing := missing(p, known); documented && len(missing) > 0 && !expects400(p) {
		warning = fmt.Sprintf("%s %s requires %s and answers 400 otherwise: send it, or expect 400",
			p.Method, p.Template(), strings.Join(missing, " and "))
	}
	return warning, fault
}

// refuse returns why a probe without allow_writes must not run: its request has an effect, or it is unclear which endpoint it
// reaches.
func refuse(p *probe.Probe, effect string) error {
	const fix = "or add allow_writes: true if this is intended"
	if effect != "" {
		return &setting.Invalid{
			Field: "method", Problem: fmt.Sprintf("is %s on %s: %s", p.Method, p.Template(), effect), Fix: "choose another endpoint, " + fix,
		}
	}
	if field := overridden(p); field != "" {
		return &setting.Invalid{Field: field, Problem: "overrides the method of the request", Fix: "set method instead, " + fix}
	}
	if !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, p.Method) && ambiguous(p.Template()) {
		return &setting.Invalid{
			Field: "path", Problem: fmt.Sprintf("is %q, which servers interpret in different ways", p.Path),
			Fix: "write it without . and .. segments, double slashes and encoded special characters, " + fix,
		}
	}
	return nil
}

// overridden returns the field that overrides the method of a request, as some servers allow; empty for none.
func overridden(p *probe.Probe) string {
	for name := range p.Headers {
		switch strings.ToLower(name) {
		case "x-http-method-override", "x-http-method", "x-method-override":
			return "headers." + name
		}
	}
	fields, _ := bodyFields(p)
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

// ambiguous reports whether servers may map a path to different endpoints.
func ambiguous(given string) bool {
	plain, err := url.PathUnescape(given)
	return err != nil || strings.Contains(strings.ToLower(given), "%2f") ||
		path.Clean(plain) != cmp.Or(strings.TrimSuffix(plain, "/"), "/") ||
		strings.ContainsFunc(plain, func(r rune) bool {
			return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune(`\;?#%`, r)
		})
}

// find returns the documented endpoint of a probe, if there is one.
func (r *Reviewer) find(p *probe.Probe) (endpoint, bool) {
	for _, e := range r.endpoints {
		if e.Method == p.Method && matches(e.Path, p.Template()) {
			return e, true
		}
	}
	return endpoint{}, false
}

// format matches the suffix that requests a format: collections.json is the endpoint collections.
var format = regexp.MustCompile(`\.[a-z0-9]+/?$`)

// matches compares a path with a pattern by segments. It ignores a slash at the end, because the API redirects, and case,
// because a server in front of the API may ignore it.
func matches(pattern, given string) bool {
	if plain, err := url.PathUnescape(given); err == nil {
		given = plain
	}
	given = format.ReplaceAllString(path.Clean(given), "")
	want, got := strings.Split(strings.Trim(pattern, "/"), "/"), strings.Split(strings.Trim(given, "/"), "/")
	return slices.EqualFunc(want, got, func(w, g string) bool {
		return strings.EqualFold(w, g) || strings.HasPrefix(w, "{") && g != ""
	})
}

// effect returns what a request changes, for people; empty if no effect is known.
func effect(p *probe.Probe, known endpoint, documented bool) string {
	switch {
	case documented && known.Effect == "":
		return ""
	case documented && len(known.Only) > 0 && hasOnly(p, known.Only):
		return ""
	case documented:
		return known.Why
	case slices.Contains([]string{http.MethodPut, http.MethodPatch, http.MethodDelete}, p.Method):
		return "a request with this method changes something"
	}
	return ""
}

// bodyFields returns the fields of a probe's body; false when the body is not a JSON object.
func bodyFields(p *probe.Probe) (fields map[string]any, readable bool) {
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

// hasOnly reports whether a probe's body has no fields except the given ones.
func hasOnly(p *probe.Probe, names []string) bool {
	fields, readable := bodyFields(p)
	for name := range fields {
		readable = readable && slices.Contains(names, name)
	}
	return readable
}

// missing returns what the API requires and the probe does not send. It does not read a body that is not JSON.
func missing(p *probe.Probe, known endpoint) []string {
	var missing []string
	if fields, readable := bodyFields(p); readable || p.Body.IsZero() {
		for _, field := range known.Body {
			if _, present := fields[field]; !present {
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
		named := func(name string) bool { return strings.EqualFold(name, header) }
		if !slices.ContainsFunc(slices.Collect(maps.Keys(p.Headers)), named) {
			missing = append(missing, header+" in its headers")
		}
	}
	return missing
}

func expects400(p *probe.Probe) bool {
	return probe.MatchAny(p.Expect.Status, probe.Outcome{Class: probe.BadRequest, Code: http.StatusBadRequest})
}
