package probe_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"squarewatch/probe"
)

// authority is a certificate with its key.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// issue returns a certificate for a key that ends after the given days, signed by an issuer or, without one, by itself.
func issue(t *testing.T, name string, key *ecdsa.PrivateKey, days int, issuer *authority) authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().AddDate(-5, 0, 0), NotAfter: time.Now().Add(time.Duration(days)*24*time.Hour + time.Hour),
		IsCA: name != "server", BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.certificate, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{certificate, key}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestOnlyVerifiedChainsExpire has a server with a root that an older root also signed. Servers sent such a cross-signed root after it had
// expired, when AddTrust and DST Root CA X3 did, and tools that looked at what was sent raised alarms
// (https://github.com/prometheus/blackbox_exporter/issues/340, https://letsencrypt.org/docs/dst-root-ca-x3-expiration-september-2021/).
func TestOnlyVerifiedChainsExpire(t *testing.T) {
	for _, c := range []struct {
		name                     string
		crossDays, oldDays, days int
		trustNew, trustOld       bool
	}{
		{"the cross-signed root has expired, and is not needed", -700, 3650, 90, true, true},
		{"two chains are good, and the longer one counts", 5, 3650, 90, true, true},
		{"two chains are good, and one root ends soon", 300, 5, 90, true, true},
		{"only the chain through the cross-signed root is trusted", 5, 3650, 5, false, true},
		{"the trusted root ends first", 300, 5, 5, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := issue(t, "new root", newKey(t), 3650, nil)
			old := issue(t, "old root", newKey(t), c.oldDays, nil)
			cross := issue(t, "new root", root.key, c.crossDays, &old)
			leaf := issue(t, "server", newKey(t), 90, &root)
			pool := x509.NewCertPool()
			if c.trustNew {
				pool.AddCert(root.certificate)
			}
			if c.trustOld {
				pool.AddCert(old.certificate)
			}
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{
				Certificate: [][]byte{leaf.certificate.Raw, cross.certificate.Raw}, PrivateKey: leaf.key,
			}}}
			server.StartTLS()
			defer server.Close()
			options := probe.RunnerOptions{TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}}
			r := job(t, server.URL, probe.Probe{Path: "/", Expect: probe.Expect{CertificateDays: 14}}, options).Run(t.Context(), time.Now())
			if r.Code != http.StatusOK || r.Expected != (c.days >= 14) {
				t.Errorf("want expected=%v, got %v with %d: %s", c.days >= 14, r.Expected, r.Code, r.Reason)
			}
			want := time.Now().Add(time.Duration(c.days) * 24 * time.Hour)
			if got := r.Attempts[0].CertificateExpiry; got.Sub(want).Abs() > 2*time.Hour {
				t.Errorf("expiry: want about %v, got %v", want, got)
			}
		})
	}
}
