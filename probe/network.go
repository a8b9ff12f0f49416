package probe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"

	"squarewatch/config/secret"
	"squarewatch/config/setting"

	"golang.org/x/net/http/httpproxy"
)

// Network says how to reach the target if the defaults of the system do not work.
type Network struct {
	CA                string      `yaml:"ca,omitempty"`                      // PEM file of certificates to trust in addition to the system's
	ClientCertificate string      `yaml:"client_certificate,omitempty"`      // PEM file, sent to the target
	ClientKey         string      `yaml:"client_key,omitempty"`              // PEM file of its key
	Proxy             secret.Text `yaml:"proxy,omitempty" secret:"optional"` // http://host:port, or none; default: HTTP_PROXY, HTTPS_PROXY
	Prefer            string      `yaml:"prefer,omitempty"`                  // ipv4 or ipv6 is tried first; ipv4-only or ipv6-only alone
	HTTP              string      `yaml:"http,omitempty"`                    // 1.1 for HTTP/1.1 only; also HTTP/2 when empty
	Resolver          string      `yaml:"resolver,omitempty"`                // address:port of the DNS server to ask instead of the system's
}

// NoProxy disables the proxy that the environment names.
const NoProxy = "none"

// Validate reports what is wrong with the settings, as [setting.Invalid], joined. It reads no files.
func (n *Network) Validate() error {
	var faults []error
	if !slices.Contains([]string{"", "ipv4", "ipv6", "ipv4-only", "ipv6-only"}, n.Prefer) {
		faults = append(faults, &setting.Invalid{
			Field: "prefer", Problem: fmt.Sprintf("is %q", n.Prefer), Fix: "write ipv4, ipv6, ipv4-only or ipv6-only, or remove it",
		})
	}
	if n.HTTP != "" && n.HTTP != "1.1" {
		faults = append(faults, &setting.Invalid{
			Field: "http", Problem: fmt.Sprintf("is %q", n.HTTP), Fix: `write "1.1" for HTTP/1.1 only, or remove it`,
		})
	}
	if _, err := netip.ParseAddrPort(n.Resolver); n.Resolver != "" && err != nil {
		faults = append(faults, &setting.Invalid{
			Field: "resolver", Problem: fmt.Sprintf("is %q", n.Resolver), Fix: "write an address and a port, for example 192.0.2.53:53",
		})
	}
	if (n.ClientCertificate == "") != (n.ClientKey == "") {
		faults = append(faults, &setting.Invalid{
			Field: "client_certificate", Problem: "and client_key are needed together, and one is missing", Fix: "name both files",
		})
	}
	if _, err := n.proxy(); err != nil {
		faults = append(faults, &setting.Invalid{
			Field: "proxy", Problem: "is not the address of a proxy", Fix: "write http://host:port, or none",
		})
	}
	return errors.Join(faults...)
}

// ShowsSecretsAt returns the proxy if its login would go to it without encryption.
func (n *Network) ShowsSecretsAt() []string {
	if u, err := url.Parse(n.Proxy.Reveal()); err == nil && u.User != nil && setting.ShowsSecrets(n.Proxy.Reveal()) {
		return []string{"proxy"}
	}
	return nil
}

// Route sets the options of a runner according to the settings. It reads the files that they name.
func (n *Network) Route(options *RunnerOptions) error {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if options.TLS != nil {
		config = options.TLS.Clone()
	}
	if n.CA != "" {
		if err := n.trust(config); err != nil {
			return err
		}
	}
	if n.ClientCertificate != "" {
		pair, err := tls.LoadX509KeyPair(n.ClientCertificate, n.ClientKey)
		if err != nil {
			return fmt.Errorf("read network.client_certificate and network.client_key: %w; both are PEM files that squarewatch may read", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	options.TLS = config
	proxy, err := n.proxy()
	if err != nil {
		return errors.New("network.proxy is not the address of a proxy: write http://host:port, or none")
	}
	options.Proxy, options.HTTP1 = proxy, n.HTTP == "1.1"
	resolver := newResolver(n.Resolver, options.Control)
	if options.Resolver == nil {
		options.Resolver = resolver
	}
	dial := newDialer(resolver, n.Prefer, options.Control).dial
	if options.Dial == nil {
		options.Dial = dial
	}
	if options.DialConnectivity == nil {
		options.DialConnectivity = dial
	}
	return nil
}

// trust adds the certificates of the CA file to those of the system.
func (n *Network) trust(config *tls.Config) error {
	text, err := os.ReadFile(n.CA)
	if err != nil {
		return fmt.Errorf("read network.ca: %w; name a PEM file that squarewatch may read", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return fmt.Errorf("network.ca: %s contains no certificate in PEM form", n.CA)
	}
	config.RootCAs = pool
	return nil
}

// proxy returns the function that http.Transport calls to choose a proxy; nil for none.
func (n *Network) proxy() (func(*http.Request) (*url.URL, error), error) {
	switch n.Proxy.Reveal() {
	case "":
		fromEnvironment := httpproxy.FromEnvironment().ProxyFunc() // read now; net/http would read the environment once for the whole process
		return func(r *http.Request) (*url.URL, error) { return fromEnvironment(r.URL) }, nil
	case NoProxy:
		return nil, nil //nolint:nilnil // no proxy is what is wanted
	}
	u, err := url.Parse(n.Proxy.Reveal())
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return nil, errors.New("not the address of a proxy")
	}
	return http.ProxyURL(u), nil
}
