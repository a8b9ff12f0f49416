//go:build bench

package bench_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"
)

// bareVariable is the environment variable that makes the test binary run as the bare loop, in a process of its own. Its value is JSON.
const bareVariable = "SQUAREWATCH_BENCH_BARE"

// bareLoop sends requests at a rate, each in its own goroutine, and does nothing else: the least that probing over net/http costs.
type bareLoop struct {
	setting

	URL       string `json:"url"`
	Authority string `json:"authority"` // file with the certificate to trust
}

// TestMain runs the test binary as the bare loop when the environment says so.
func TestMain(m *testing.M) {
	if text := os.Getenv(bareVariable); text != "" {
		var loop bareLoop
		err := json.Unmarshal([]byte(text), &loop)
		if err == nil {
			err = loop.run()
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	m.Run()
}

// run goes on until the process is killed.
func (l bareLoop) run() error {
	text, err := os.ReadFile(l.Authority)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: !l.Reuse, MaxIdleConnsPerHost: 256, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}}
	next := time.Now()
	timer := time.NewTimer(0)
	for i := 0; ; i++ {
		<-timer.C
		go l.get(client, i%l.Probes)
		next = next.Add(time.Second / time.Duration(l.Rate))
		timer.Reset(time.Until(next))
	}
}

func (l bareLoop) get(client *http.Client, probe int) {
	response, err := client.Get(fmt.Sprintf("%s/probe/%d", l.URL, probe))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
}
