package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"squarewatch/config"
)

// client sends requests to the running daemon, at the address in the configuration file.
type client struct {
	base  string
	token string
	http  *http.Client
}

func newClient(cfg *config.Config) *client {
	const patience = 15 * time.Second
	// No proxy: the daemon is on this machine.
	return &client{
		base: "http://" + reachable(cfg.Listen), token: cfg.Web.Token.Reveal(),
		http: &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: dialDaemon(cfg)}},
	}
}

// reachable returns the address to connect to for an address to listen on. An unspecified host becomes 127.0.0.1.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if address, err := netip.ParseAddr(host); host == "" || err == nil && address.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// ask sends one request to the daemon that the file names; see [client.ask].
func (f *configFile) ask(ctx context.Context, method, path string, in, out any) error {
	cfg, err := f.reach(ctx)
	if err != nil {
		return err
	}
	return newClient(cfg).ask(ctx, method, path, in, out)
}

// person returns the name of the person who gives a command: the given name, or the user who called sudo; empty for neither. The daemon
// itself identifies the user of this process.
func (f *configFile) person(given string) string {
	if given == "" {
		given, _ = f.process.env("SUDO_USER")
	}
	return given
}

// ask sends one request with in as its JSON body, and decodes the answer into out. Both in and out may be nil.
func (c *client) ask(ctx context.Context, method, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, &body)
	if err != nil {
		return err
	}
	c.authorize(req)
	resp, err := c.http.Do(req)
	if err != nil {
		return noDaemonError{fmt.Errorf("ask the daemon at %s: %w; check that squarewatch runs on this machine with this file", c.base, err)}
	}
	defer func() { _ = resp.Body.Close() }()
	const largest = 32 << 20
	text, err := io.ReadAll(io.LimitReader(resp.Body, largest))
	switch {
	case err != nil:
		return fmt.Errorf("read the daemon's answer: %w", err)
	case resp.StatusCode >= http.StatusBadRequest:
		return refusalOf(resp.StatusCode, text)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("read the daemon's answer: %w; check that squarewatch, and no other program, listens at %s", err, c.base)
	}
	return nil
}

// authorize adds the token to requests that need it: every method but GET, and GET of copyPath. Other reads on this machine need no token
// and do not carry it. While the daemon is stopped, another program could listen on its port and receive the token.
func (c *client) authorize(req *http.Request) {
	if c.token != "" && (req.Method != http.MethodGet || req.URL.Path == copyPath) {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
}

// largestRefusal limits the reason of a refusal, in bytes. A daemon gives shorter reasons, but another program may listen on its port.
const largestRefusal = 64 << 10

func refusalOf(status int, text []byte) error {
	text = text[:min(len(text), largestRefusal)]
	var body struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(text, &body) == nil && body.Error != "" {
		return errors.New(body.Error)
	}
	const longest = 300
	return fmt.Errorf("the daemon answered %d: %.*s", status, longest, firstLine(string(text)))
}
