package openapi

import (
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Write writes a configuration file with the probes. There must be at least one probe. squarewatch check accepts the file when the secrets
// that it names exist.
func (i *Import) Write(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "# Probes for the read-only operations of %s, written by squarewatch import openapi.\n", i.Title)
	text.WriteString("# Read them before you use them: a server may also change something, or cost money, on a GET.\n")
	if !i.Secured {
		text.WriteString("# The document names no credentials. If the API needs one, define it and write its name instead of none.\n")
	}
	for _, name := range i.Credentials {
		fmt.Fprintf(&text, "# ${credential:%s} is a bearer token. If it expires, use a login instead: see docs/credentials.md.\n", name)
	}
	for _, name := range i.Secrets {
		fmt.Fprintf(&text, "# ${credential:%s} is sent in a header of the probes. After Basic it must be user:password in base64.\n"+
			"# If it is the whole Authorization header, it must begin with the scheme, for example Bearer.\n", name)
	}
	head := struct {
		Target      string                       `yaml:"target"`
		Catalogue   string                       `yaml:"catalogue"`
		Credentials map[string]map[string]string `yaml:"credentials,omitempty"`
		Defaults    map[string]string            `yaml:"defaults"`
	}{i.Target.String(), "none", map[string]map[string]string{}, map[string]string{"schedule": i.Schedule.String()}}
	for _, name := range i.Credentials {
		head.Credentials[name] = map[string]string{"api_key": "${credential:" + name + "}"}
	}
	written, err := yaml.Dump(head)
	if err != nil {
		return fmt.Errorf("write the probes: %w", err)
	}
	text.Write(written)
	text.WriteString("probes:\n")
	for _, p := range i.Probes {
		written, err := yaml.Dump([]Probe{p})
		if err != nil {
			return fmt.Errorf("write the probe %s: %w", p.Name, err)
		}
		if p.Summary != "" {
			text.WriteString("  # " + p.Summary + "\n")
		}
		for line := range strings.Lines(string(written)) {
			text.WriteString("  " + line)
		}
	}
	_, err = io.WriteString(w, text.String())
	return err
}
