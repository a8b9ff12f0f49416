package probe

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"squarewatch/config/secret"
	"squarewatch/config/setting"
)

// Probe is a named, scheduled HTTP request with expectations. The tags are its keys in the configuration file.
type Probe struct {
	Name     string   `yaml:"name"`
	Schedule Schedule `yaml:"schedule"`
	// WhileUnexpected replaces Schedule while the last run was unexpected, usually to run more often.
	WhileUnexpected Schedule `yaml:"while_unexpected,omitempty"`

	Method     string                 `yaml:"method,omitempty"` // default: POST with a body, else GET
	Path       string                 `yaml:"path"`             // on the target, including a query
	Headers    map[string]secret.Text `yaml:"headers,omitempty" secret:"optional"`
	JSON       any                    `yaml:"json,omitempty"` // body, sent as application/json; not together with Body
	Body       secret.Text            `yaml:"body,omitempty" secret:"optional"`
	Credential string                 `yaml:"credential,omitempty"` // name of a credential, or "none"
	Timeout    time.Duration          `yaml:"timeout,omitempty"`    // of one request with its redirects
	Connection Connection             `yaml:"connection,omitempty"`
	Confirm    *Confirm               `yaml:"confirm,omitempty"` // repeats the request before an unexpected answer is final
	Expect     Expect                 `yaml:"expect,omitempty"`
	Guards     Guard                  `yaml:"guards,omitempty"`
	// AllowWrites permits a request that creates, publishes or changes something, or that costs money.
	AllowWrites bool              `yaml:"allow_writes,omitempty"`
	DependsOn   []string          `yaml:"depends_on,omitempty"` // while one of these probes fails, alerts of this probe wait
	Locations   []string          `yaml:"locations,omitempty"`  // globs of locations at which the probe runs; all when absent
	Labels      map[string]string `yaml:"labels,omitempty"`
}

// Confirm says how many tries to make before an unexpected answer is final. A try is one request with its redirects. Every request is
// recorded.
type Confirm struct {
	Attempts int           `yaml:"attempts"` // tries in total, 2 to 10; each has the probe's timeout
	Delay    time.Duration `yaml:"delay"`    // between two tries, at most 1m
}

// NoCredential turns the default credential off.
const NoCredential = "none"

// Connection says whether each run makes a new connection.
type Connection string

// The kinds of connection.
const (
	Fresh Connection = "fresh" // DNS, TCP and TLS in every run
	Reuse Connection = "reuse" // an idle connection of an earlier run, if there is one
)

// Guard names what a guarded probe checks.
type Guard string

// GuardAccess makes a 2xx answer a security alert, because the probe must be refused with 401, 403 or 404.
const GuardAccess Guard = "access"

// Defaults apply to settings that a probe does not set.
type Defaults struct {
	Schedule   Schedule      `yaml:"schedule,omitempty"`
	Timeout    time.Duration `yaml:"timeout,omitempty"`
	Connection Connection    `yaml:"connection,omitempty"`
	Credential string        `yaml:"credential,omitempty"`
}

// DefaultDefaults returns the defaults of a file that sets none: every 30 s, a timeout of 10 s, a fresh connection and no credential.
func DefaultDefaults() Defaults {
	return Defaults{Schedule: MustSchedule("@every 30s"), Timeout: 10 * time.Second, Connection: Fresh, Credential: NoCredential}
}

// Apply sets the settings that p does not set itself.
func (d Defaults) Apply(p *Probe) {
	if p.Schedule.IsZero() {
		p.Schedule = d.Schedule
	}
	p.Schedule = p.Schedule.For(p.Name)
	p.WhileUnexpected = p.WhileUnexpected.For(p.Name)
	if p.Timeout == 0 {
		p.Timeout = d.Timeout
	}
	if p.Connection == "" {
		p.Connection = d.Connection
	}
	if p.Credential == "" {
		p.Credential = d.Credential
	}
	if p.Method == "" {
		p.Method = http.MethodGet
		if p.JSON != nil || !p.Body.IsZero() {
			p.Method = http.MethodPost
		}
	}
}

// Validate reports every fault of the settings as [setting.Invalid], joined. The caller applies the defaults first.
func (p *Probe) Validate() error {
	var faults []error
	add := func(bad bool, field, problem, fix string) {
		if bad {
			faults = append(faults, &setting.Invalid{Field: field, Problem: problem, Fix: fix})
		}
	}
	add(!validName(p.Name), "name", fmt.Sprintf("is %q", p.Name), "write lower-case letters, digits and dashes, for example collections")
	add(p.Schedule.IsZero(), "schedule", "is missing", `write a cron expression or "@every 30s"`)
	add(!slices.Contains(methods(), p.Method), "method", fmt.Sprintf("is %q", p.Method), "write one of "+strings.Join(methods(), ", "))
	faults = append(faults, validatePath("path", p.Path, "write a path on the target that starts with one slash"))
	faults = append(faults, p.validateHeaders())
	add(p.JSON != nil && !p.Body.IsZero(), "json", "and body are both set", "keep one of them")
	add(p.Timeout <= 0, "timeout", "is "+p.Timeout.String(), "write a duration above zero, for example 10s")
	add(p.Connection != Fresh && p.Connection != Reuse, "connection", fmt.Sprintf("is %q", p.Connection), "write fresh or reuse")
	add(p.Guards != "" && p.Guards != GuardAccess, "guards", fmt.Sprintf("is %q", p.Guards), "write access, or leave it out")
	add(p.Guards == GuardAccess && len(p.Expect.Status) == 0, "guards", "is access, but expect has no status",
		"write the refusal that is expected, for example expect: {status: [401]}")
	if c := p.Confirm; c != nil {
		add(c.Attempts < 2 || c.Attempts > 10, "confirm.attempts", fmt.Sprintf("is %d", c.Attempts),
			"write the number of requests in total, 2 to 10")
		add(c.Delay < 0 || c.Delay > time.Minute, "confirm.delay", "is "+c.Delay.String(), "write a duration of at most 1m, for example 1s")
	}
	faults = append(faults, p.Expect.validate(), p.validateLocations())
	return errors.Join(faults...)
}

// validateHeaders reports faults of headers. It never shows a value, which may be a secret.
func (p *Probe) validateHeaders() error {
	var faults []error
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
		value := p.Headers[name].Reveal()
		field := "headers." + name
		first, twice := seen[http.CanonicalHeaderKey(name)]
		seen[http.CanonicalHeaderKey(name)] = name
		switch {
		case twice:
			faults = append(faults, &setting.Invalid{
				Field: field, Problem: fmt.Sprintf("is the same header as %s, because case does not count", first), Fix: "keep one of them",
			})
		case slices.Contains(ownHeaders(), http.CanonicalHeaderKey(name)):
			faults = append(faults, &setting.Invalid{
				Field: field, Problem: "is a header that squarewatch sets by itself, from the body and the connection", Fix: "remove it",
			})
		case !httpguts.ValidHeaderFieldName(name):
			faults = append(faults, &setting.Invalid{
				Field: field, Problem: fmt.Sprintf("has the name %q, which is not allowed for a header", name),
				Fix: "write letters, digits and dashes, for example X-Workspace-Id",
			})
		case !httpguts.ValidHeaderFieldValue(value):
			faults = append(faults, &setting.Invalid{
				Field: field, Problem: "contains a line break or another character that is not allowed in a header",
				Fix: "write one line, or correct the secret that the reference names",
			})
		case strings.EqualFold(name, "host") && !validHost(value):
			faults = append(faults, &setting.Invalid{
				Field: field, Problem: "is not a host",
				Fix: "write a name, and a port if it is not the default, for example api.example.org",
			})
		}
	}
	return errors.Join(faults...)
}

// ownHeaders are the headers that belong to a connection or to the framing of a message, which net/http writes:
// https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1.
func ownHeaders() []string {
	return []string{"Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}
}

// Longest returns how long a run can take: the timeouts of all tries (see [Confirm]) and the delays between them.
func (p *Probe) Longest() time.Duration {
	if p.Confirm == nil {
		return p.Timeout
	}
	longest := p.Timeout
	for range p.Confirm.Attempts - 1 {
		longest += p.Confirm.Delay + p.Timeout
	}
	return longest
}

// Template returns the path without its query. It is the name of the endpoint in spans.
func (p *Probe) Template() string {
	path, _, _ := strings.Cut(p.Path, "?")
	return path
}

func methods() []string {
	return []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}
}

var namePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// hostPattern matches a name or an address, with an optional port.
var hostPattern = regexp.MustCompile(`^([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$`)

// validHost reports whether net/http can send a text as the Host header.
func validHost(host string) bool {
	ascii, err := httpguts.PunycodeHostPort(host)
	return err == nil && hostPattern.MatchString(ascii)
}

func validName(name string) bool { return len(name) <= 63 && namePattern.MatchString(name) }

// badEscape matches a percent sign without two digits after it. RE2 has no look-ahead: https://github.com/google/re2/wiki/Syntax.
var badEscape = regexp.MustCompile(`%([^0-9A-Fa-f]|[0-9A-Fa-f][^0-9A-Fa-f]|[0-9A-Fa-f]?$)`)

func validatePath(field, path, fix string) error {
	_, err := url.Parse(path)
	switch {
	case strings.Contains(path, "#"):
		return &setting.Invalid{
			Field: field, Problem: fmt.Sprintf("is %q, and the part after # is never sent", path),
			Fix: "remove it, or write %23 for a # in the path",
		}
	case badEscape.MatchString(path):
		return &setting.Invalid{
			Field: field, Problem: fmt.Sprintf("is %q, with a %% that begins no encoded character", path), Fix: "write %25 for a percent sign",
		}
	case err != nil, !strings.HasPrefix(path, "/"), strings.HasPrefix(path, "//"):
		return &setting.Invalid{Field: field, Problem: fmt.Sprintf("is %q", path), Fix: fix}
	}
	return nil
}
