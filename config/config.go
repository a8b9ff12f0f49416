// Package config reads the configuration file. Reading is strict and reports all errors at once, each with its place. Secrets are never
// printed. Each settings struct, its defaults and its validation are in the package that it configures.
package config

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"

	"squarewatch/alert"
	"squarewatch/alert/heartbeat"
	"squarewatch/config/secret"
	"squarewatch/config/setting"
	"squarewatch/otel"
	"squarewatch/probe"
	"squarewatch/probe/catalogue"
	"squarewatch/probe/dispatch"
	"squarewatch/probe/history"
)

// Config is a valid file with every default filled in.
type Config struct {
	Sections

	Target      *url.URL
	Credentials map[string]Part[probe.Credential]
	Probes      []probe.Probe       // of the catalogue and of the file, that run at the location of this host
	AllProbes   []probe.Probe       // also those that run only at other locations
	Location    string              // of this host; empty for none
	Skipped     []catalogue.Skipped // catalogue probes that need a section that the file does not have
	Rules       []alert.Rule
	Notifiers   map[string]Notifier
	Traced      bool   // spans go to a collector that the file or the variables of OpenTelemetry name
	StateDir    string // the directory of the state that survives a restart; empty for none
	Warnings    []Warning
	File        string            // absolute path of the file; empty when the configuration does not come from a file
	Sum         [sha256.Size]byte // of the file's content; zero when the configuration does not come from a file
}

// Sections are the parts of a file that [Config] holds as they are written. To add one, add a field here; add its default to
// defaultSections if it has one. If the field's type has a Validate method, it is called.
type Sections struct {
	AllowHTTP   bool                `yaml:"allow_http,omitempty"`
	Studio      string              `yaml:"studio,omitempty"`
	Maintenance []alert.Maintenance `yaml:"maintenance,omitempty"`
	Support     string              `yaml:"support,omitempty"`       // whom to ask at AISquare about server errors; empty for none
	SupportWait time.Duration       `yaml:"support_after,omitempty"` // age of server errors at which to ask AISquare; 30m when absent
	Telemetry   otel.Settings       `yaml:"telemetry,omitempty"`
	Listen      string              `yaml:"listen,omitempty"`       // address of the pages and metrics
	ExternalURL setting.Site        `yaml:"external_url,omitempty"` // address of the pages for people; messages have no links when absent
	Web         Web                 `yaml:"web,omitempty"`          // who may use the port
	Retention   history.Retention   `yaml:"retention,omitempty"`
	Limits      dispatch.Limits     `yaml:"limits,omitempty"`
	Network     probe.Network       `yaml:"network,omitempty"`

	Connectivity probe.Connectivity `yaml:"connectivity,omitempty"`
	Heartbeat    heartbeat.Settings `yaml:"heartbeat,omitempty"`
	Digest       Digest             `yaml:"digest,omitempty"` // a report at regular times
}

func defaultSections() Sections {
	return Sections{
		Telemetry: otel.DefaultSettings(), Limits: dispatch.DefaultLimits(), Listen: defaultListen, Retention: history.DefaultRetention(),
	}
}

// file is the configuration as it is written and as [Print] writes it. Its own fields are those that a Config holds in another form.
type file struct {
	Target      string               `yaml:"target"`
	Catalogue   Choice               `yaml:"catalogue"`
	Credentials map[string]yaml.Node `yaml:"credentials,omitempty"`
	Defaults    probe.Defaults       `yaml:"defaults,omitempty"`
	Probes      []probe.Probe        `yaml:"probes,omitempty"`
	Rules       *[]alert.Rule        `yaml:"rules,omitempty"`
	Notifiers   map[string]yaml.Node `yaml:"notifiers,omitempty"`
	Sections    `yaml:",inline"`
	StateDir    string      `yaml:"state_dir,omitempty"` // a directory, or none
	APIToken    secret.Text `yaml:"api_token,omitempty"` // the earlier name of web.token
}

// Options say what a file may use.
type Options struct {
	Kinds                Kinds
	Environ              func(string) (string, bool) // the environment; empty when nil
	CredentialsDirectory string                      // systemd's $CREDENTIALS_DIRECTORY; when empty, credentials beside the file
}

// Load reads the file at a path, of at most 16 MiB. It returns when ctx ends, or after 30 s at the latest, even if a disk hangs. An error
// is of type [*FileError] or [Errors], or it is the error of ctx.
func Load(ctx context.Context, path string, options Options) (*Config, error) {
	return bounded(ctx, path, func() (*Config, error) {
		data, err := readFile(path)
		if err != nil {
			return nil, err
		}
		cfg, err := Parse(path, data, options)
		if err != nil {
			return nil, err
		}
		return cfg.from(path, data), nil
	})
}

// from records which file a configuration was read from.
func (c *Config) from(path string, data []byte) *Config {
	c.File, c.Sum = path, sha256.Sum256(data)
	if absolute, err := filepath.Abs(path); err == nil {
		c.File = absolute
	}
	return c
}

// Sum returns the SHA-256 of the file at a path. It equals [Config.Sum] while the file is unchanged. It has no time limit if a disk hangs.
func Sum(path string) ([sha256.Size]byte, error) {
	data, err := readFile(path)
	return sha256.Sum256(data), err
}

// FileError is a configuration file that cannot be read at all.
type FileError struct {
	Path string
	Err  error
}

// Error says which file, why, and what to do.
func (e *FileError) Error() string {
	switch {
	case errors.Is(e.Err, fs.ErrNotExist):
		return fmt.Sprintf("there is no configuration file %s: write one, or name another with --config or $SQUAREWATCH_CONFIG", e.Path)
	case errors.Is(e.Err, fs.ErrPermission):
		return fmt.Sprintf("this user may not read the configuration %s: run the command as root, with sudo", e.Path)
	}
	return fmt.Sprintf("read the configuration %s: %v", e.Path, e.Err)
}

// Unwrap returns the reason.
func (e *FileError) Unwrap() error { return e.Err }

func readFile(path string) ([]byte, error) {
	open := func(flag int) (*os.File, error) { return os.OpenFile(path, flag, 0) } //nolint:gosec // the operator names the file
	data, err := readBounded(open, maxFile)
	if err != nil {
		if reason, ok := errors.AsType[*fs.PathError](err); ok {
			err = reason.Err // FileError already names the path
		}
		return nil, &FileError{Path: path, Err: err}
	}
	return data, nil
}

// Parse reads a file's content. Errors call the file by the given name. The error is of type [Errors].
func Parse(name string, data []byte, options Options) (*Config, error) {
	secrets := newResolver(name, options)
	r := &reader{file: name, lookup: secrets.lookup}
	if len(bytes.TrimSpace(data)) == 0 {
		r.fault(nil, "", "is empty; write at least a target, for example target: https://api.aisquare.studio")
		return nil, r.errors
	}
	document, ok := r.document(data)
	if !ok {
		return nil, r.errors
	}
	raw := file{Catalogue: Choice{Unset: true}, StateDir: secrets.stateDirectory(), Sections: defaultSections()}
	r.decode(document, "", &raw)
	cfg := r.assemble(document, &raw, options.Kinds)
	r.here(document, &raw, cfg, secrets.environ)
	r.likelyMistakes(document, &raw, cfg)
	r.traces(document, cfg, secrets.environ)
	if len(r.errors) > 0 {
		return nil, r.errors.sorted()
	}
	cfg.Warnings = r.warnings
	return cfg, nil
}

// document parses a file. It reports a fault and returns false when the text is not YAML, an alias contains itself, or aliases expand to
// too much.
func (r *reader) document(data []byte) (*yaml.Node, bool) {
	var document yaml.Node
	if err := yaml.Load(data, &document); err != nil {
		r.syntax(data, err)
		return nil, false
	}
	if loop := cycle(&document, nil); loop != nil {
		r.fault(loop, "", fmt.Sprintf("the alias *%s is part of the value that it refers to; write the value out", loop.Value))
		return nil, false
	}
	return &document, r.expands(&document)
}

const (
	// defaultStateDir is what StateDirectory= of squarewatch.service creates. Under systemd, $STATE_DIRECTORY has precedence.
	defaultStateDir = "/var/lib/squarewatch"
	noStateDir      = "none"
)

// stateDir reads the directory of the state that survives a restart; empty for none.
func (r *reader) stateDir(document *yaml.Node, text string) string {
	switch {
	case text == noStateDir:
		return ""
	case !filepath.IsAbs(text):
		r.fault(locate(document, "state_dir"), "state_dir",
			fmt.Sprintf("is %q; write an absolute path such as %s, or none to keep nothing over a restart", text, defaultStateDir))
	}
	return text
}

// FileVersion is the version of the file's format. It is raised when a file that was valid is refused or means something else.
const FileVersion = 1

// defaultListen is the address of the pages and metrics.
const defaultListen = "127.0.0.1:9477"

// assemble checks the references between the parts of a file and makes a configuration of them.
func (r *reader) assemble(document *yaml.Node, raw *file, kinds Kinds) *Config {
	cfg := &Config{
		Sections:    raw.Sections,
		Target:      r.target(document, raw),
		Credentials: r.credentials(kinds.Credentials, raw.Credentials),
		Notifiers:   r.notifiers(kinds.Notifiers, raw.Notifiers),
		StateDir:    r.stateDir(document, raw.StateDir),
	}
	r.sections(document, &cfg.Sections)
	if cfg.Heartbeat.Schedule.IsZero() && !cfg.Heartbeat.URL.IsZero() {
		cfg.Heartbeat.Schedule = heartbeat.DefaultSchedule()
	}
	if _, port, err := net.SplitHostPort(cfg.Listen); err != nil || !isPort(port) {
		r.fault(locate(document, "listen"), "listen",
			fmt.Sprintf("is %q; write an address and a port, for example %s", cfg.Listen, defaultListen))
	}
	r.web(document, raw, cfg)
	r.exposedSecrets(document, raw, cfg)
	cfg.Telemetry.OTLP.AllowHTTP = raw.AllowHTTP
	r.probes(document, raw, cfg)
	r.rules(document, raw, cfg)
	r.maintenance(document, cfg)
	r.support(document, cfg)
	r.digest(document, cfg)
	return cfg
}

// sections calls the Validate method of each section that has one, and reports the faults.
func (r *reader) sections(document *yaml.Node, sections *Sections) {
	value := reflect.ValueOf(sections).Elem()
	for key, field := range yamlFields(value.Type()) {
		if validator, ok := reflect.TypeAssert[interface{ Validate() error }](value.FieldByIndex(field.Index).Addr()); ok {
			r.invalid(locate(document, key), key, validator.Validate())
		}
	}
}

// target reads the base URL of all probes.
func (r *reader) target(document *yaml.Node, raw *file) *url.URL {
	const example = "write the API's address, for example https://api.aisquare.studio"
	node := locate(document, "target")
	u, err := url.Parse(raw.Target)
	switch {
	case raw.Target == "" && len(r.errors) > 0, looksLikeReference.MatchString(raw.Target): // another fault covers it
	case raw.Target == "":
		r.fault(node, "target", "is missing; "+example)
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
		r.fault(node, "target", fmt.Sprintf("is %q; %s", raw.Target, example))
	case u.User != nil:
		r.fault(node, "target", "holds a user or a password; leave them out and define a credential")
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		r.fault(node, "target", "has more than a host; put the path into the probes")
	case u.Scheme == "http" && !raw.AllowHTTP && !setting.IsLoopback(u.Hostname()):
		r.fault(node, "target", "is plain http, which would show credentials to the network; use https, or set allow_http: true")
	default:
		return u
	}
	return &url.URL{Scheme: "https", Host: "invalid"}
}

func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}
