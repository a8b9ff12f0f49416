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

// Start serves a handler over plain HTTP on a loopback port. Close the server after use.
func Start(handler http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = silent()
	server.Start()
	return server
}

// TLSOptions settle a TLS server; the zero value has a good certificate for 127.0.0.1, ::1 and localhost.
type TLSOptions struct {
	Names      []string  // DNS names of the certificate, instead of the loopback addresses
	NotAfter   time.Time // end of its validity; a month from now when zero
	MaxVersion uint16    // newest TLS version that is offered; any when zero
	HTTP1      bool      // do not offer HTTP/2
}

// StartTLS serves a handler over TLS on a loopback port, and returns the pool that trusts its certificate.
func StartTLS(handler http.Handler, options TLSOptions) (*httptest.Server, *x509.CertPool) {
	certificate := newCertificate(options)
	pool := x509.NewCertPool()
	pool.AddCert(certificate.Leaf)
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = silent()
	server.EnableHTTP2 = !options.HTTP1
	server.TLS = &tls.Config{ //nolint:gosec // some tests want a server of yesterday
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS10,
		MaxVersion:   options.MaxVersion,
	}
	server.StartTLS()
	return server, pool
}

// silent drops the server's complaints about the connections that faults broke.
func silent() *log.Logger { return log.New(discard{}, "", 0) }

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// newCertificate makes a self-signed certificate.
func newCertificate(options TLSOptions) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the system has no randomness; nothing can go on
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
		panic(err) // the template is ours
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err) // we have just made it
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
