//go:build diagnosis

package diagnosis_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"sync"
	"time"
)

// authority signs certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{key: key, cert: cert}, err
}

// sign returns a certificate for a name and an address that is valid from one time to another.
func (a *authority) sign(name string, ip net.IP, from, to time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: from,
		NotAfter: to, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip != nil {
		template.IPAddresses = []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// pem returns the authority's certificate for a file.
func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// tlsMode is which certificate the target presents.
type tlsMode int

const (
	tlsGood        tlsMode = iota
	tlsExpired             // it has expired
	tlsOtherName           // it is for another name
	tlsOtherCA             // an unknown authority signed it
	tlsNoHandshake         // the handshake fails
)

// certificates holds the certificates of a target.
type certificates struct {
	trusted *authority
	all     map[tlsMode]*tls.Certificate

	mu   sync.Mutex
	mode tlsMode
}

func newCertificates(ip net.IP) (*certificates, error) {
	trusted, err := newAuthority("diagnosis trusted")
	if err != nil {
		return nil, err
	}
	other, err := newAuthority("diagnosis other")
	if err != nil {
		return nil, err
	}
	now := time.Now()
	w := &certificates{trusted: trusted, all: map[tlsMode]*tls.Certificate{}}
	for mode, c := range map[tlsMode]struct {
		by   *authority
		name string
		ip   net.IP
		end  time.Duration
	}{
		tlsGood:      {trusted, targetName, ip, 720 * time.Hour},
		tlsExpired:   {trusted, targetName, ip, -time.Hour},
		tlsOtherName: {trusted, "www.example.org", nil, 720 * time.Hour},
		tlsOtherCA:   {other, targetName, ip, 720 * time.Hour},
	} {
		if w.all[mode], err = c.by.sign(c.name, c.ip, now.Add(-48*time.Hour), now.Add(c.end)); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *certificates) set(mode tlsMode) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mode = mode
}

// config returns the configuration of a server that presents the certificate of the current mode.
func (w *certificates) config() *tls.Config {
	return &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.mode == tlsNoHandshake {
			return nil, net.ErrClosed
		}
		return w.all[w.mode], nil
	}}
}
