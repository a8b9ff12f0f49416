package aisquaretest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"time"
)

// Start serves a handler over plain HTTP on a loopback port. The caller closes the server.
func Start(handler http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = silent()
	server.Start()
	return server
}

// TLSOptions are the options of a TLS server. The zero value has a valid certificate for 127.0.0.1, ::1 and localhost.
type TLSOptions struct {
	Names      []string  // DNS names of the certificate, instead of the loopback addresses
	NotAfter   time.Time // end of its validity; a month from now when zero
	MaxVersion uint16    // newest TLS version to offer; any when zero
	HTTP1      bool      // do not offer HTTP/2
}

// StartTLS serves a handler over TLS on a loopback port. It returns a pool that trusts the server's certificate. The caller
// closes the server.
func StartTLS(handler http.Handler, options TLSOptions) (*httptest.Server, *x509.CertPool) {
	certificate := newCertificate(options)
	pool := x509.NewCertPool()
	pool.AddCert(certificate.Leaf)
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = silent()
	server.EnableHTTP2 = !options.HTTP1
	server.TLS = &tls.Config{ //nolint:gosec // some tests need an outdated server
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS10,
		MaxVersion:   options.MaxVersion,
	}
	server.StartTLS()
	return server, pool
}

// silent returns a logger that discards errors about broken connections.
func silent() *log.Logger { return log.New(discard{}, "", 0) }

type discard struct{}

// Write reports that all bytes were written, and writes none.
func (discard) Write(p []byte) (int, error) { return len(p), nil }

// newCertificate creates a self-signed certificate.
func newCertificate(options TLSOptions) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the system has no source of randomness
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "aisquaretest"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: options.NotAfter,
		IsCA: true, BasicConstraintsValid: true, DNSNames: options.Names,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if options.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(30 * 24 * time.Hour)
	}
	if len(options.Names) == 0 {
		template.DNSNames = []string{"localhost"}
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err) // the template is always valid
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err) // it was just created
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
