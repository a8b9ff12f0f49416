package config

import (
	"cmp"
	"fmt"
	"io"
	"reflect"
	"time"

	"go.yaml.in/yaml/v4"

	"squarewatch/config/setting"
)

// Print writes the effective configuration: the catalogue's probes and all defaults filled in, each secret as the reference that it
// came from. The output is a file that can be loaded again, except for secrets that were written in clear.
func Print(w io.Writer, c *Config) error {
	effective := file{
		Target: c.Target.String(), Credentials: map[string]yaml.Node{}, Probes: c.AllProbes, Rules: &c.Rules,
		Notifiers: map[string]yaml.Node{}, StateDir: cmp.Or(c.StateDir, noStateDir), Sections: c.Sections,
	}
	var err error
	for name, part := range c.Credentials {
		if effective.Credentials[name], err = nodeOf(part.Settings); err != nil {
			return err
		}
	}
	for name, notifier := range c.Notifiers {
		wait := setting.Duration(notifier.GroupWait.Round(time.Millisecond))
		settings := map[string]any{notifier.Kind: notifier.Settings, "group_wait": wait.String()}
		if effective.Notifiers[name], err = nodeOf(settings); err != nil {
			return err
		}
	}
	document, err := nodeOf(effective)
	if err != nil {
		return err
	}
	text, err := yaml.Dump(&document)
	if err != nil {
		return fmt.Errorf("write the effective configuration: %w", err)
	}
	_, err = w.Write(text)
	return err
}

func nodeOf(settings any) (node yaml.Node, _ error) {
	if err := node.Dump(settings); err != nil {
		return node, fmt.Errorf("write the effective configuration: %w", err)
	}
	shorten(&node, reflect.TypeOf(settings))
	return node, nil
}
