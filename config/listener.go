package config

import (
	"context"

	"go.yaml.in/yaml/v4"

	"squarewatch/config/secret"
)

// LoadListener reads only what a command needs to ask the running daemon: Listen, StateDir, Web.Token, File and Sum; the rest is empty.
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
			r.syntax(err, data)
			return nil, r.errors
		}
		return r.listener(&document, newResolver(path, options)).from(path, data), nil
	})
}

// listener reads how to reach the daemon of a file. It leaves out what is wrong.
func (r *reader) listener(document *yaml.Node, references resolver) *Config {
	scalar := func(key string) (string, bool) {
		node := locate(document, key)
		if node == nil || node.Kind != yaml.ScalarNode {
			return "", false
		}
		return node.Value, true
	}
	cfg := &Config{Sections: Sections{Listen: defaultListen}}
	cfg.StateDir = references.stateDirectory()
	if text, ok := scalar("listen"); ok {
		cfg.Listen = text
	}
	if text, ok := scalar("state_dir"); ok {
		cfg.StateDir = r.stateDir(document, text)
	}
	for _, key := range []string{"web.token", "api_token"} {
		if text, ok := scalar(key); ok {
			token := secret.New(text)
			if _, err := token.Resolve(references.lookup); err == nil {
				cfg.Web.Token = token
			}
		}
	}
	return cfg
}
