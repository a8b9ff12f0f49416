package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"

	"squarewatch/config/secret"

	"golang.org/x/net/http/httpproxy"

	"squarewatch/config/setting"
)

// Network says how the target is reached, where the ordinary way does not lead there.
type Network struct {
	CA                string      `yaml:"ca,omitempty"`                      // PEM file of certificates to trust beside the system's
	ClientCertificate string      `yaml:"client_certificate,omitempty"`      // PEM file, shown to the target
	ClientKey         string      `yaml:"client_key,omitempty"`              // PEM file that belongs to it
	Proxy             secret.Text `yaml:"proxy,omitempty" secret:"optional"` // http://host:port, or none; HTTP_PROXY and HTTPS_PROXY when absent
	Prefer            string      `yaml:"prefer,omitempty"`                  // ipv4 or ipv6: tried first, the other when that fails or takes long
	Resolver          string      `yaml:"resolver,omitempty"`                // address:port of the DNS server to ask instead of the system's
}

// NoProxy is what to write where no proxy is wanted, whatever the environment says.
const NoProxy = "none"

// Validate reports what is wrong with the settings.
func (n *Network) Validate() error {
	var faults []error
	if n.Prefer != "" && n.Prefer != "ipv4" && n.Prefer != "ipv6" {
		faults = append(faults, &setting.Invalid{Field: "prefer", Problem: fmt.Sprintf("is %q", n.Prefer), Fix: "write ipv4 or ipv6, or leave it out"})
	}
	if host, _, err := net.SplitHostPort(n.Resolver); n.Resolver != "" && (err != nil || net.ParseIP(host) == nil) {
		faults = append(faults, &setting.Invalid{Field: "resolver", Problem: fmt.Sprintf("is %q", n.Resolver), Fix: "write an address and a port, for example 192.0.2.53:53"})
	}
	if (n.ClientCertificate == "") != (n.ClientKey == "") {
		faults = append(faults, &setting.Invalid{Field: "client_certificate", Problem: "and client_key belong together, and one is missing", Fix: "name both files"})
	}
	if _, err := n.proxy(); err != nil {
		faults = append(faults, &setting.Invalid{Field: "proxy", Problem: "is no address of a proxy", Fix: "write http://host:port, or none"})
	}
	return errors.Join(faults...)
}

// Route fills the options that the settings say something of. It reads the files that they name.
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
		return errors.New("network.proxy is no address of a proxy: write http://host:port, or none")
	}
	options.Proxy = proxy
	if options.Dial == nil {
		options.Dial = n.dial()
	}
	return nil
}

// trust adds the certificates of the CA file to the system's.
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
		return fmt.Errorf("network.ca: %s holds no certificate in PEM form", n.CA)
	}
	config.RootCAs = pool
	return nil
}

// proxy returns what http.Transport asks for a proxy.
func (n *Network) proxy() (func(*http.Request) (*url.URL, error), error) {
	switch n.Proxy.Reveal() {
	case "":
		fromEnvironment := httpproxy.FromEnvironment().ProxyFunc() // now; that of net/http is the same for the whole process
		return func(r *http.Request) (*url.URL, error) { return fromEnvironment(r.URL) }, nil
	case NoProxy:
		return nil, nil //nolint:nilnil // no proxy is what is wanted
	}
	u, err := url.Parse(n.Proxy.Reveal())
	if err != nil || u.Host == "" {
		return nil, errors.New("no address of a proxy")
	}
	return http.ProxyURL(u), nil
}

// dial returns how connections are made; nil for the ordinary way.
func (n *Network) dial() dialFunc {
	if n.Prefer == "" && n.Resolver == "" {
		return nil
	}
	dialer := newDialer()
	if n.Resolver != "" {
		dialer.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, n.Resolver)
		}}
	}
	if n.Prefer == "" {
		return dialer.DialContext
	}
	return preferring{dialer, n.Prefer == "ipv6"}.dial
}
