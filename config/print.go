package config

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"go.yaml.in/yaml/v4"

	"squarewatch/alert"
	"squarewatch/otel"
	"squarewatch/probe"
	"squarewatch/probe/dispatch"
	"squarewatch/probe/history"
)

// effective is a configuration as [Print] writes it: a file that could be loaded, but for secrets that stood in clear.
type effective struct {
	Target       string              `yaml:"target"`
	AllowHTTP    bool                `yaml:"allow_http,omitempty"`
	Studio       string              `yaml:"studio,omitempty"`
	Catalogue    string              `yaml:"catalogue"`
	Credentials  map[string]any      `yaml:"credentials,omitempty"`
	Probes       []probe.Probe       `yaml:"probes"`
	Rules        []alert.Rule        `yaml:"rules"`
	Maintenance  []alert.Maintenance `yaml:"maintenance,omitempty"`
	Notifiers    map[string]any      `yaml:"notifiers,omitempty"`
	Support      string              `yaml:"support,omitempty"`
	SupportWait  time.Duration       `yaml:"support_after,omitempty"`
	Telemetry    otel.Settings       `yaml:"telemetry,omitempty"`
	Listen       string              `yaml:"listen"`
	Web          Web                 `yaml:"web,omitempty"`
	StateDir     string              `yaml:"state_dir"`
	Retention    history.Retention   `yaml:"retention"`
	Limits       dispatch.Limits     `yaml:"limits"`
	Connectivity probe.Connectivity  `yaml:"connectivity,omitempty"`
	Network      probe.Network       `yaml:"network,omitempty"`
}

// Print writes the effective configuration: the catalogue and all defaults filled in, each secret as the reference that
// it came from.
func Print(w io.Writer, c *Config) error {
	e := effective{
		Target: c.Target.String(), AllowHTTP: c.AllowHTTP, Studio: c.Studio, Catalogue: "none", Probes: c.Probes, Rules: c.Rules,
		Maintenance: c.Maintenance, Support: c.Support, SupportWait: c.SupportWait, Telemetry: c.Telemetry, Connectivity: c.Connectivity, Retention: c.Retention, Listen: c.Listen, Web: c.Web, StateDir: cmp.Or(c.StateDir, "none"), Limits: c.Limits, Network: c.Network,
		Credentials: map[string]any{}, Notifiers: map[string]any{},
	}
	for name, part := range c.Credentials {
		e.Credentials[name] = part.Settings
	}
	for name, notifier := range c.Notifiers {
		e.Notifiers[name] = map[string]any{notifier.Kind: notifier.Settings, "group_wait": notifier.GroupWait.Round(time.Millisecond).String()}
	}
	text, err := yaml.Dump(e)
	if err != nil {
		return fmt.Errorf("write the effective configuration: %w", err)
	}
	_, err = w.Write(text)
	return err
}
