package initialize

import (
	"cmp"
	"encoding/json"
	"strings"
)

// SchemaFile is the name of the file with the schema, beside the configuration file. Editors with the YAML language server read it:
// https://github.com/redhat-developer/yaml-language-server#using-inlined-schema.
const SchemaFile = "squarewatch.schema.json"

// Text returns the configuration file.
func (a *Answers) Text() string {
	f := &file{}
	f.lines(
		"# yaml-language-server: $schema="+SchemaFile,
		"# The configuration of squarewatch, written by squarewatch init. docs/configuration.md describes every setting.",
		"# After a change, squarewatch check shows every error with its line and column.",
		"",
		"# The API, and the publication URL of your own studio, which the built-in probes ask for.",
	)
	f.value("target", a.Target)
	if isNone(a.Studio) {
		f.lines("# studio: ai-research-studio # without it, four built-in probes are left out")
	} else {
		f.value("studio", a.Studio)
	}
	a.credentials(f)
	a.notifiers(f)
	f.lines(
		"",
		"# Without rules, three apply: on 5xx, on 401, and on runs without a complete answer. Rules here replace them.",
		"# rules: []",
		"",
		"# Where traces and metrics go, for example to a Jaeger. Without a collector, messages show the API's own words and no traces.",
	)
	if isNone(a.Collector) {
		f.lines("# telemetry:", "#   otlp: {endpoint: \"http://127.0.0.1:4317\", protocol: grpc}")
	} else {
		f.lines("telemetry:", "  otlp:")
		f.value("    endpoint", a.Collector)
		f.value("    protocol", cmp.Or(a.Protocol, protocols(a.Collector)[0]))
		if isNone(a.TraceURL) {
			f.lines("  # trace_url: \"http://127.0.0.1:16686/trace/{trace_id}\" # what messages link to")
		} else {
			f.value("  trace_url", a.TraceURL)
		}
	}
	if a.StateDir != "" {
		f.lines("", "# The directory for what a restart keeps: incidents, silences, messages that wait, history.")
		f.value("state_dir", a.StateDir)
	}
	return f.text.String()
}

func (a *Answers) credentials(f *file) {
	f.lines(
		"",
		"# The credential of the probes. Secrets are references: ${credential:NAME} is a file that systemd passes, ${file:/path} any file,",
		"# ${env:NAME} a variable of the environment.",
	)
	switch {
	case !a.APIKey.isNone():
		f.lines("credentials:", "  aisquare:")
		f.value("    api_key", a.APIKey.Reference)
	case !a.Username.isNone():
		f.lines("credentials:", "  aisquare:", "    login: # POST JSON; the answer holds access and refresh")
		f.lines("      path: /api/v1/token/", "      body:")
		f.value("        username", a.Username.Reference)
		f.value("        password", a.Password.Reference)
		f.lines("    refresh_path: /api/v1/token/refresh/")
	default:
		f.lines("# credentials:", "#   aisquare: {api_key: \"${credential:aisquare-api-key}\"}")
	}
}

func (a *Answers) notifiers(f *file) {
	f.lines("", "# Who is notified.")
	switch {
	case !a.SlackWebhook.isNone():
		f.lines("notifiers:", "  ops:", "    slack:")
		f.value("      webhook_url", a.SlackWebhook.Reference)
	case !a.BotToken.isNone():
		f.lines("notifiers:", "  ops:", "    slack:")
		f.value("      bot_token", a.BotToken.Reference)
		f.value("      channel", a.Channel)
	default:
		f.lines("# notifiers:", "#   ops: {slack: {webhook_url: \"${credential:slack-webhook}\"}}")
	}
}

// file is a file being written.
type file struct{ text strings.Builder }

func (f *file) lines(all ...string) {
	for _, line := range all {
		f.text.WriteString(line + "\n")
	}
}

// value writes a key and a quoted value. A text in JSON is one in YAML, too.
func (f *file) value(key, value string) {
	var quoted strings.Builder
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // a string always encodes
	f.lines(key + ": " + strings.TrimSpace(quoted.String()))
}
