package probe_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
)

// FuzzCertificate lets a server show a certificate with foreign text in its fields, or foreign bytes in place of one. A run ends with a
// class, and says in a short printable line why there was no session.
func FuzzCertificate(f *testing.F) {
	f.Add("aisquare", "localhost", "", int64(90), true)
	f.Add("\x1b]0;PWN\x07", "<!channel>.example", "https://a.example/\u202e", int64(-1), true)
	f.Add("a", "elsewhere.example", "a@example.org", int64(1<<40), false)
	f.Add("\x30\x82", "", "", int64(0), false)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name, host, mail string, days int64, trusted bool) {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{mail}},
			NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1_900_000_000, 0).AddDate(0, 0, int(days%1_000_000)),
			DNSNames: []string{host}, EmailAddresses: []string{mail}, IsCA: trusted, BasicConstraintsValid: true,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			der = []byte(name) // no certificate at all
		}
		pool := x509.NewCertPool()
		if read, err := x509.ParseCertificate(der); err == nil && trusted {
			pool.AddCert(read)
		}
		server := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
		synctest.Test(t, func(t *testing.T) {
			const answer = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"a\": 1}"
			for _, r := range answered(t, []byte(answer), false, server, pool) {
				if r.Class != probe.TLSError && !trusted { // if trusted, an answer before the request is refused: any class
					t.Errorf("%q for %q, trusted=%v: %v, %s", name, host, trusted, r.Class, r.Reason)
				}
				checkAttempts(t, r)
				checkTexts(t, r)
			}
		})
	})
}
