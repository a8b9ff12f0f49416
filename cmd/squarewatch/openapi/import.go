package openapi

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/catalogue"
)

// Options are the settings of an import.
type Options struct {
	Target   *url.URL       // of the API, with the path before those of operations; nil takes the document's
	Document *url.URL       // where the document was fetched from; nil for a file
	Schedule probe.Schedule // of all probes
}

// Import is the result of reading a document.
type Import struct {
	Title       string // of the document, printable
	Target      *url.URL
	Schedule    probe.Schedule
	Probes      []Probe
	Secured     bool     // the document says which operations need a credential
	Credentials []string // names of the probes' credentials, which are bearer tokens
	Secrets     []string // names of the secrets in the probes' headers
	LeftOut     []LeftOut
	Writes      int // operations that are left out because their method may change something
}

// Probe is a probe of an operation.
type Probe struct {
	Summary    string            `yaml:"-"`
	Name       string            `yaml:"name"`
	Method     string            `yaml:"method,omitempty"`
	Path       string            `yaml:"path"`
	Headers    map[string]string `yaml:"headers,omitempty"`
	Credential string            `yaml:"credential"`
	Expect     Expect            `yaml:"expect,omitempty,flow"`
	Labels     map[string]string `yaml:"labels,omitempty,flow"`
}

// Expect is what a probe expects.
type Expect struct {
	Status []any `yaml:"status,omitempty"` // codes, and 2xx
}

// LeftOut is an operation that has no probe, with the reason.
type LeftOut struct{ Operation, Reason string }

// Read makes probes from a document. The probes are valid, and only read. It returns an error when the document is invalid or names no
// usable server.
func Read(data []byte, options Options) (*Import, error) {
	document, err := parse(data)
	if err != nil {
		return nil, err
	}
	reviewer, err := catalogue.NewReviewer()
	if err != nil {
		return nil, err
	}
	server, err := base(document, options)
	if err != nil {
		return nil, err
	}
	r := &reader{
		document: document, server: server, options: options, reviewer: reviewer, names: names{}, secrets: newSecrets(document),
		out: &Import{Title: "an OpenAPI document", Target: &server.origin, Schedule: options.Schedule},
	}
	r.out.Secured = len(r.secrets.schemes) > 0
	if document.Info != nil && document.Info.Title != "" {
		r.out.Title = shown(document.Info.Title + " " + document.Info.Version)
	}
	paths := document.Paths.Map()
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if paths[path] != nil {
			r.path(path, paths[path])
		}
	}
	if len(r.out.Probes) == 0 && len(r.out.LeftOut) == 0 && r.out.Writes == 0 {
		return nil, errors.New("the document has no operations")
	}
	return r.out, nil
}

// reader makes probes from the operations of one document.
type reader struct {
	document *openapi3.T
	server   server
	options  Options
	reviewer *catalogue.Reviewer
	names    names
	secrets  *secrets
	out      *Import
}

// path reads the operations of a path.
func (r *reader) path(path string, item *openapi3.PathItem) {
	operations := item.Operations()
	for _, method := range slices.Sorted(maps.Keys(operations)) {
		if method != http.MethodGet && method != http.MethodHead {
			if method != http.MethodOptions && method != http.MethodTrace {
				r.out.Writes++
			}
			continue
		}
		if err := r.operation(method, path, item, operations[method]); err != nil {
			r.out.LeftOut = append(r.out.LeftOut, LeftOut{shown(method + " " + path), err.Error()})
		}
	}
}

// operation adds the probe of an operation, or returns why there is none.
func (r *reader) operation(method, path string, item *openapi3.PathItem, operation *openapi3.Operation) error {
	if err := refuse(path, operation); err != nil {
		return err
	}
	prefix, err := r.prefix(item, operation)
	if err != nil {
		return err
	}
	request, err := fill(path, item, operation)
	if err != nil {
		return err
	}
	statuses, err := expected(operation.Responses)
	if err != nil {
		return err
	}
	requirements := operation.Security
	if requirements == nil {
		requirements = &r.document.Security
	}
	way, err := r.secrets.access(requirements)
	if err != nil {
		return err
	}
	maps.Copy(request.headers, way.headers)
	p := Probe{
		Summary: shown(operation.Summary), Path: prefix + request.path, Headers: request.headers, Credential: way.credential,
		Expect: Expect{statuses}, Labels: labels(operation.Tags),
	}
	if method != http.MethodGet {
		p.Method = method
	}
	if len(request.query) > 0 {
		p.Path += "?" + strings.Join(request.query, "&")
	}
	if err := r.review(p); err != nil {
		return err
	}
	p.Name = r.names.unique(nameOf(method, path, operation))
	r.out.add(p, way.secrets)
	return nil
}

// add adds a probe and the names that it uses.
func (i *Import) add(p Probe, secrets []string) {
	i.Probes = append(i.Probes, p)
	if p.Credential != probe.NoCredential && !slices.Contains(i.Credentials, p.Credential) {
		i.Credentials = append(i.Credentials, p.Credential)
	}
	for _, name := range secrets {
		if !slices.Contains(i.Secrets, name) {
			i.Secrets = append(i.Secrets, name)
		}
	}
}

func nameOf(method, path string, operation *openapi3.Operation) string {
	if len(words(operation.OperationID)) > 0 {
		return operation.OperationID
	}
	if method == http.MethodGet {
		return path
	}
	return path + " " + method
}

// prefix returns the path before the path of an operation. The operation may have its own server.
func (r *reader) prefix(item *openapi3.PathItem, operation *openapi3.Operation) (string, error) {
	list := item.Servers
	if operation.Servers != nil && len(*operation.Servers) > 0 {
		list = *operation.Servers
	}
	if len(list) == 0 {
		return r.server.prefix, nil
	}
	own, ok := serverOf(list, r.options.Document)
	documents, _ := serverOf(r.document.Servers, r.options.Document)
	if !ok || own.origin.Host != "" && own.origin != documents.origin && own.origin != r.server.origin {
		return "", fmt.Errorf("it is on another server, %s", shown(list[0].URL))
	}
	return own.prefix, nil
}

// review returns why a probe would be refused by squarewatch check.
func (r *reader) review(written Probe) error {
	p := probe.Probe{
		Name: "operation", Method: written.Method, Path: written.Path, Headers: map[string]secret.Text{},
		Credential: written.Credential,
	}
	for name, value := range written.Headers {
		p.Headers[name] = secret.New(value)
	}
	probe.DefaultDefaults().Apply(&p)
	if err := p.Validate(); err != nil {
		return fmt.Errorf("no probe can send it: %s", shown(err.Error()))
	}
	if _, err := r.reviewer.Review(&p); err != nil {
		return fmt.Errorf("it does not only read: %s", shown(err.Error()))
	}
	return nil
}

// expected returns the statuses of success that a document names. An empty list stands for 2xx, the default.
func expected(responses *openapi3.Responses) ([]any, error) {
	var good []any
	var other []string
	for _, status := range slices.Sorted(maps.Keys(responses.Map())) {
		code, err := strconv.Atoi(status)
		switch {
		case err == nil && code/100 == 2:
			good = append(good, code)
		case strings.EqualFold(status, "2XX"):
			good = append(good, "2xx")
		case !strings.EqualFold(status, "default"):
			other = append(other, status)
			continue
		}
		if ref := responses.Value(status); ref != nil && ref.Value != nil && ref.Value.Content["text/event-stream"] != nil {
			return nil, errors.New("its answer is a stream of events, which does not end")
		}
	}
	if len(good) == 0 && len(other) > 0 && responses.Value("default") == nil {
		return nil, fmt.Errorf("the document names no status of success for it, only %s", shown(strings.Join(other, ", ")))
	}
	return good, nil
}

// labels returns the tags of an operation as a label.
func labels(tags []string) map[string]string {
	text := shown(strings.ReplaceAll(strings.Join(tags, ", "), "${", "{")) // so that the label holds no reference to a secret
	if text == "" {
		return nil
	}
	return map[string]string{"tags": text}
}
