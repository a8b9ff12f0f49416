// Package initialize makes a first configuration file: it asks questions at a terminal, and writes the file and the files of secrets. It
// sends nothing and tests nothing.
package initialize

import (
	"errors"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"squarewatch/config/secret"
)

// None is the answer for something that is not wanted.
const None = "none"

// DefaultTarget is the address of AISquare's API.
const DefaultTarget = "https://api.aisquare.studio"

// Answers are what the file is made of. A text or a secret that is None, or empty, is left out.
type Answers struct {
	Target       string
	Studio       string
	APIKey       Secret
	Username     Secret // with Password, in place of an API key
	Password     Secret
	SlackWebhook Secret
	BotToken     Secret // with Channel, in place of a webhook
	Channel      string
	Collector    string // address of an OTLP collector
	Protocol     string // of OTLP; empty for what the address suggests
	TraceURL     string // address of a trace in the pages of the collector, with {trace_id}; only with Collector
	StateDir     string // empty for the default
}

// Secret is a secret by its reference, or as a person typed it.
type Secret struct {
	Reference string      // ${env:NAME}, ${file:/path} or ${credential:NAME}; empty for none
	Typed     secret.Text // goes into File
	File      string      // absolute path; empty when nothing was typed
}

// isNone reports whether there is no secret.
func (s Secret) isNone() bool { return s.Reference == "" }

// referencePattern matches a reference with and without its braces.
var referencePattern = regexp.MustCompile(`^(?:\$\{)?(env|file|credential):([^{}\s]+)\}?$`)

// ParseReference reads a reference to a secret, such as env:NAME, or none. It never repeats the text, which may be a secret.
func ParseReference(text string) (Secret, error) {
	if text == "" || text == None {
		return Secret{}, nil
	}
	found := referencePattern.FindStringSubmatch(text)
	if found == nil {
		return Secret{}, errors.New("it is not a reference: write env:NAME, file:/path or credential:NAME, or none; never the secret itself, " +
			"which other users of this machine could see")
	}
	return Secret{Reference: "${" + found[1] + ":" + found[2] + "}"}, nil
}

// typed returns a secret that a person typed, for a file in a directory. systemd passes the files of SystemdDirectory as credentials.
func typed(value, name, directory string) Secret {
	file := filepath.Join(directory, name)
	reference := "${file:" + file + "}"
	if directory == SystemdDirectory {
		reference = "${credential:" + name + "}"
	}
	return Secret{Reference: reference, Typed: secret.New(value), File: file}
}

// SystemdDirectory is where squarewatch.service finds the secrets.
const SystemdDirectory = "/etc/squarewatch/credentials"

// secrets returns all secrets by the name that stands for each in a draft.
func (a *Answers) secrets() map[string]*Secret {
	return map[string]*Secret{
		"SQUAREWATCH_INIT_API_KEY": &a.APIKey, "SQUAREWATCH_INIT_USERNAME": &a.Username, "SQUAREWATCH_INIT_PASSWORD": &a.Password,
		"SQUAREWATCH_INIT_WEBHOOK": &a.SlackWebhook, "SQUAREWATCH_INIT_BOT_TOKEN": &a.BotToken,
	}
}

// Draft returns a copy of the answers for a test before anything is written. In the copy, typed secrets are references to variables. The
// returned function has these variables and those of environ.
func (a *Answers) Draft(environ func(string) (string, bool)) (Answers, func(string) (string, bool)) {
	draft, values := *a, map[string]string{}
	for variable, s := range draft.secrets() {
		if !s.Typed.IsZero() {
			values[variable] = s.Typed.Reveal()
			s.Reference = "${env:" + variable + "}"
		}
	}
	return draft, func(name string) (string, bool) {
		if value, ok := values[name]; ok {
			return value, true
		}
		return environ(name)
	}
}

// The protocols of OTLP.
const (
	grpc = "grpc"
	http = "http/protobuf"
)

// protocols returns the OTLP protocols that a collector may speak, the most probable one first. Each has a port
// (https://opentelemetry.io/docs/specs/otlp/#otlphttp-default-port), and gRPC has no path.
func protocols(collector string) []string {
	u, err := url.Parse(collector)
	switch {
	case err != nil || u.Port() == "4317":
		return []string{grpc}
	case u.Port() == "4318" || strings.Trim(u.Path, "/") != "":
		return []string{http}
	}
	return []string{grpc, http}
}

// SettleProtocol chooses the protocol when the address of the collector does not show it: the first that works, or none.
func (a *Answers) SettleProtocol(works func() bool) {
	a.Protocol = ""
	if isNone(a.Collector) || len(protocols(a.Collector)) == 1 {
		return
	}
	for _, a.Protocol = range protocols(a.Collector) {
		if works() {
			return
		}
	}
	a.Protocol = ""
}

func isNone(text string) bool { return text == "" || strings.EqualFold(text, None) }
