package config

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"squarewatch/config/setting"
)

// exposedSecrets refuses credentials that would go to another machine without encryption, unless the file has allow_http.
func (r *reader) exposedSecrets(document *yaml.Node, raw *file, cfg *Config) {
	if raw.AllowHTTP {
		return
	}
	check := func(path string, settings any) {
		exposed, ok := settings.(setting.Exposed)
		if !ok {
			return
		}
		for _, field := range exposed.ShowsSecretsAt() {
			at := strings.TrimPrefix(path+"."+field, ".")
			r.fault(locate(document, at), at,
				"is not encrypted, so credentials would be shown to the network; use https, or set allow_http: true")
		}
	}
	for _, name := range sortedKeys(cfg.Notifiers) {
		check("notifiers."+name+"."+cfg.Notifiers[name].Kind, cfg.Notifiers[name].Settings)
	}
	check("telemetry", &cfg.Telemetry.OTLP)
	check("network", &cfg.Network)
}
