package config

import (
	"context"

	"go.yaml.in/yaml/v4"

	"squarewatch/config/secret"
)

// LoadListener reads only what a command needs to ask the running daemon: Listen, StateDir and Web.Token; the rest is empty.
// It accepts a file that [Load] refuses, and needs no secret: a token whose reference cannot be resolved is left out, because a command on
// the same machine needs none. An error says why the file cannot be read, or that it is not YAML.
func LoadListener(ctx context.Context, path string, options Options) (*Config, error) {
	return bounded(ctx, path, func() (*Config, error) {
		data, err := readFile(path)
		if err != nil {
			return nil, err
		}
		r := &reader{file: path}
		var document yaml.Node
		if err := yaml.Load(data, &document); err != nil {
			r.syntax(err)
			return nil, r.errors
		}
		cfg := &Config{Sections: Sections{Listen: defaultListen}}
		if node := locate(&document, "listen"); node != nil && node.Kind == yaml.ScalarNode {
			cfg.Listen = node.Value
		}
		references := newResolver(path, options)
		cfg.StateDir = references.stateDirectory()
		if node := locate(&document, "state_dir"); node != nil && node.Kind == yaml.ScalarNode {
			cfg.StateDir = r.stateDir(&document, node.Value)
		}
		for _, key := range []string{"web.token", "api_token"} {
			if node := locate(&document, key); node != nil && node.Kind == yaml.ScalarNode {
				token := secret.New(node.Value)
				if _, err := token.Resolve(references.lookup); err == nil {
					cfg.Web.Token = token
				}
			}
		}
		return cfg, nil
	})
}
