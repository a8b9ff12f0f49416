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

// Probe is a named, scheduled HTTP request with what it expects. The tags are its keys in the configuration file.
type Probe struct {
	Name     string   `yaml:"name"`
	Schedule Schedule `yaml:"schedule"`
	// WhileUnexpected is the schedule while the last run was unexpected: a probe that fails may look more often.
	WhileUnexpected Schedule `yaml:"while_unexpected,omitempty"`

	Method     string                 `yaml:"method,omitempty"` // GET when absent, POST with a body
	Path       string                 `yaml:"path"`             // on the target, query included
	Headers    map[string]secret.Text `yaml:"headers,omitempty" secret:"optional"`
	JSON       any                    `yaml:"json,omitempty"` // body, sent as application/json; excludes Body
	Body       secret.Text            `yaml:"body,omitempty" secret:"optional"`
	Credential string                 `yaml:"credential,omitempty"` // name of a credential, or none
	Timeout    time.Duration          `yaml:"timeout,omitempty"`    // one deadline for the whole run
	Connection Connection             `yaml:"connection,omitempty"`
	Confirm    *Confirm               `yaml:"confirm,omitempty"` // look again before an unexpected answer is final
	Expect     Expect                 `yaml:"expect,omitempty"`
	Guards     Guard                  `yaml:"guards,omitempty"`
	// AllowWrites lets the probe call what creates, publishes, costs or changes something.
	AllowWrites bool              `yaml:"allow_writes,omitempty"`
	DependsOn   []string          `yaml:"depends_on,omitempty"` // probes whose failure explains this one's: its alerts wait
	Labels      map[string]string `yaml:"labels,omitempty"`
}

// Confirm says how often to look before an unexpected answer is final. Every look is recorded.
type Confirm struct {
	Attempts int           `yaml:"attempts"` // looks in all, 2 to 10; each has the probe's timeout
	Delay    time.Duration `yaml:"delay"`    // between two looks
}

// NoCredential is the name by which a probe asks for no credential where a default names one.
const NoCredential = "none"

// Connection says whether a run makes a connection of its own.
type Connection string

// The kinds of connection.
const (
	Fresh Connection = "fresh" // DNS, TCP and TLS every run
	Reuse Connection = "reuse" // an idle connection of an earlier run, when there is one
)

// Guard names what a probe guards.
type Guard string

// GuardAccess makes an answer that is better than allowed a security alert: a 2xx where 401, 403 or 404 is due.
const GuardAccess Guard = "access"

// Defaults fill what a probe leaves out.
type Defaults struct {
	Schedule   Schedule      `yaml:"schedule,omitempty"`
	Timeout    time.Duration `yaml:"timeout,omitempty"`
	Connection Connection    `yaml:"connection,omitempty"`
	Credential string        `yaml:"credential,omitempty"`
}

// DefaultDefaults returns the defaults of a file that has none: every 30 s, 10 s at most, a fresh connection, no credential.
func DefaultDefaults() Defaults {
	return Defaults{Schedule: MustSchedule("@every 30s"), Timeout: 10 * time.Second, Connection: Fresh, Credential: NoCredential}
}

// Apply fills what p leaves out.
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

// Validate reports every fault of the settings as [setting.Invalid], joined. Defaults must have been applied.
func (p *Probe) Validate() error {
	var faults setting.Faults
	faults.AddName("name", p.Name, "collections")
	faults.Add(p.Schedule.IsZero(), "schedule", "is missing", `write a cron expression or "@every 30s"`)
	faults.Add(!slices.Contains(methods(), p.Method), "method", fmt.Sprintf("is %q", p.Method), "write one of "+strings.Join(methods(), ", "))
	faults = append(faults, validatePath("path", p.Path, "write a path on the target that begins with one slash"))
	faults = append(faults, p.validateHeaders())
	faults.Add(p.JSON != nil && !p.Body.IsZero(), "json", "and body are both there", "keep one of them")
	faults.Add(p.Timeout <= 0, "timeout", "is "+p.Timeout.String(), "write a duration above zero, for example 10s")
	faults.Add(p.Connection != Fresh && p.Connection != Reuse, "connection", fmt.Sprintf("is %q", p.Connection), "write fresh or reuse")
	faults.Add(p.Guards != "" && p.Guards != GuardAccess, "guards", fmt.Sprintf("is %q", p.Guards), "write access, or leave it out")
	faults.Add(p.Guards == GuardAccess && len(p.Expect.Status) == 0, "guards", "is access, but no status is expected",
		"name the refusal that is due, for example expect: {status: [401]}")
	if c := p.Confirm; c != nil {
		faults.Add(c.Attempts < 2 || c.Attempts > 10, "confirm.attempts", fmt.Sprintf("is %d", c.Attempts), "write how often to look in all, 2 to 10")
		faults.Add(c.Delay < 0 || c.Delay > time.Minute, "confirm.delay", "is "+c.Delay.String(), "write a duration of at most 1m, for example 1s")
	}
	faults = append(faults, p.Expect.validate())
	return faults.Err()
}

// validateHeaders never repeats a value.
func (p *Probe) validateHeaders() error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
		value := p.Headers[name].Reveal()
		field := "headers." + name
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			faults = append(faults, &setting.Invalid{Field: field, Problem: fmt.Sprintf("is called %q, which is no name of a header", name), Fix: "write letters, digits and dashes, for example X-Workspace-Id"})
		case !httpguts.ValidHeaderFieldValue(value):
			faults = append(faults, &setting.Invalid{Field: field, Problem: "holds a line break or another character that no header can carry", Fix: "write one line, or correct what its reference leads to"})
		case strings.EqualFold(name, "host") && !hostRule(value):
			faults = append(faults, &setting.Invalid{Field: field, Problem: "is no host", Fix: "write a name, with a port where there is one, for example api.example.org"})
		}
	}
	return errors.Join(faults...)
}

// Longest returns how long a run can take: every look its whole timeout, and the pauses between them.
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

// Template returns the path without its query: the name of the endpoint in spans.
func (p *Probe) Template() string {
	path, _, _ := strings.Cut(p.Path, "?")
	return path
}

func methods() []string {
	return []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
}

// hostPattern is a name or an address, and a port.
var hostPattern = regexp.MustCompile(`^([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$`)

// hostRule reports whether a text can stand in the Host header, as net/http writes it there.
func hostRule(host string) bool {
	ascii, err := httpguts.PunycodeHostPort(host)
	return err == nil && hostPattern.MatchString(ascii)
}

func validatePath(field, path, fix string) error {
	_, err := url.Parse(path)
	switch {
	case strings.Contains(path, "#"):
		return &setting.Invalid{Field: field, Problem: fmt.Sprintf("is %q, and what stands behind a # is never sent", path), Fix: "leave it out, or write %23 where a # is meant"}
	case err != nil, !strings.HasPrefix(path, "/"), strings.HasPrefix(path, "//"):
		return &setting.Invalid{Field: field, Problem: fmt.Sprintf("is %q", path), Fix: fix}
	}
	return nil
}
