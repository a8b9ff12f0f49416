package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v4"
	"golang.org/x/net/http/httpguts"

	"squarewatch/config/secret"
	"squarewatch/config/setting"
)

// Web says who may use the port of the pages and metrics.
type Web struct {
	Token secret.Text `yaml:"token,omitempty"` // bearer token for changes over the port, and for reading through a reverse proxy
	// Hosts are the host names under which browsers and scrapers reach the port. Addresses, localhost and the machine's name always work.
	Hosts []string `yaml:"hosts,omitempty"`
}

// web checks who may use the port. api_token is the earlier name of web.token.
func (r *reader) web(document *yaml.Node, raw *file, cfg *Config) {
	w, at := &cfg.Web, "web.token"
	if !raw.APIToken.IsZero() {
		if !w.Token.IsZero() {
			r.fault(locate(document, "api_token"), "api_token", "is the earlier name of web.token, which is set too; remove one of them")
		}
		r.warn(locate(document, "api_token"), "api_token", "is the earlier name of web.token; write web: {token: …} instead")
		w.Token, at = raw.APIToken, "api_token"
	}
	if !httpguts.ValidHeaderFieldValue(w.Token.Reveal()) {
		r.fault(locate(document, at), at, "holds a line break or another character that a header cannot hold; "+
			"write one line, or correct the value of its reference")
	}
	for i, host := range w.Hosts {
		if u, err := url.Parse("//" + host); err != nil || host == "" || u.Host != host || u.Port() != "" || strings.ContainsAny(host, "*") {
			field := fmt.Sprintf("web.hosts[%d]", i)
			r.fault(locate(document, field), field,
				fmt.Sprintf("is %q; write a name without scheme and port, for example squarewatch.example.org", host))
		}
	}
	r.exposed(document, cfg.Listen, w)
}

// exposed warns about a port that other machines can reach.
func (r *reader) exposed(document *yaml.Node, listen string, w *Web) {
	host, _, err := net.SplitHostPort(listen)
	if err != nil || setting.IsLoopback(host) {
		return
	}
	who := "every machine that reaches " + host
	if address, err := netip.ParseAddr(host); host == "" || err == nil && address.IsUnspecified() {
		who = "every machine that reaches any address of this one"
	}
	text := "lets " + who + " read the names of probes and rules, and the last errors; " +
		"write 127.0.0.1, or put a firewall or a reverse proxy in front"
	if !w.Token.IsZero() {
		text += ". Callers send the token of web.token over the network without encryption"
	}
	r.warn(locate(document, "listen"), "listen", text)
}
