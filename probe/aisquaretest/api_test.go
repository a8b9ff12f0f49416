package aisquaretest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe/aisquaretest"

	"github.com/google/go-cmp/cmp"
)

func call(t *testing.T, server, method, path, bearer, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, server+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	_ = json.Unmarshal(raw, &answer)
	return resp.StatusCode, answer
}

func TestAnswersByPrincipal(t *testing.T) {
	api := aisquaretest.New(aisquaretest.Options{})
	api.AddKey("outsider", "outsider-key")
	api.AddStudio(aisquaretest.Studio{URL: "secret-lab", Visibility: aisquaretest.Private, Owner: "partner"})
	server := aisquaretest.Start(api)
	defer server.Close()
	const key = aisquaretest.DefaultKey
	for _, c := range []struct {
		method, path, bearer, body string
		want                       int
	}{
		{"GET", "/o/.well-known/openid-configuration", "", "", 200},
		{"POST", "/api/v1/aistudios/permission/", "", `{"url":"ai-research-studio"}`, 200},
		{"POST", "/api/v1/aistudios/permission/", "", `{"url":"no-such-studio"}`, 404},
		{"POST", "/api/v1/aistudios/permission/", "", `{}`, 400},
		{"POST", "/api/v1/aistudios/permission/", "", `{"url":"secret-lab"}`, 401},
		{"POST", "/api/v1/aistudios/permission/", "outsider-key", `{"url":"secret-lab"}`, 404},
		{"POST", "/api/v1/aistudios/permission/", key, `{"url":"secret-lab"}`, 200},
		{"GET", "/api/v1/collections/?page_size=1", "", "", 401},
		{"GET", "/api/v1/collections/?page_size=1", "wrong", "", 401},
		{"GET", "/api/v1/collections/?page_size=1", key, "", 200},
		{"GET", "/api/v1/aistudios/experiences/flattened/?page_size=1", "", "", 200},
		{"GET", "/api/v1/bookings/config/", key, "", 200},
		{"POST", "/api/v1/aistudios/metrics/", key, `{"url":"ai-research-studio"}`, 200},
		{"POST", "/api/v1/aistudios/metrics/", "outsider-key", `{"url":"ai-research-studio"}`, 403},
		{"POST", "/api/v1/aistudios/metrics/", key, `{"url":"none"}`, 404},
		{"POST", "/api/v1/aistudios/public-impact/", "", `{"url":"ai-research-studio"}`, 403},
		{"POST", "/api/v1/aistudios/public-impact/", "outsider-key", `{"url":"ai-research-studio"}`, 200},
		{"GET", "/api/v1/collections", key, "", 307},
		{"GET", "/nowhere/", "", "", 404},
	} {
		if got, _ := call(t, server.URL, c.method, c.path, c.bearer, c.body); got != c.want {
			t.Errorf("%s %s as %q with %s: want %d, got %d", c.method, c.path, c.bearer, c.body, c.want, got)
		}
	}
	if got := api.Counts("/api/v1/collections/"); !cmp.Equal(map[int]int{200: 1, 401: 2}, got) {
		t.Errorf("counts of collections: got %v", got)
	}
}

func TestRevokedKeyIsRefusedUntilRestored(t *testing.T) {
	api := aisquaretest.New(aisquaretest.Options{})
	server := aisquaretest.Start(api)
	defer server.Close()
	get := func() (int, map[string]any) {
		return call(t, server.URL, "GET", "/api/v1/bookings/config/", aisquaretest.DefaultKey, "")
	}
	api.Revoke(aisquaretest.DefaultKey)
	if status, body := get(); status != 401 || body["code"] != "token_not_valid" {
		t.Errorf("revoked: want 401 token_not_valid, got %d %v", status, body)
	}
	api.Restore(aisquaretest.DefaultKey)
	if status, _ := get(); status != 200 {
		t.Errorf("restored: want 200, got %d", status)
	}
}

func TestTokensExpireAndRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := aisquaretest.New(aisquaretest.Options{AccessLifetime: time.Hour, RefreshLifetime: 3 * time.Hour})
		api.AddUser("ada", "lovelace")
		pipe := aisquaretest.NewPipe(api)
		defer pipe.Shutdown()
		transport := &http.Transport{DialContext: pipe.Dial, DisableKeepAlives: true}
		do := func(method, path, bearer, body string) (int, map[string]string) {
			req, _ := http.NewRequestWithContext(t.Context(), method, "http://api"+path, strings.NewReader(body))
			req.Header.Set("Authorization", "Bearer "+bearer)
			resp, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			var answer map[string]string
			_ = json.NewDecoder(resp.Body).Decode(&answer)
			return resp.StatusCode, answer
		}
		if status, _ := do("POST", "/api/v1/token/", "", `{"username":"ada","password":"wrong"}`); status != 400 {
			t.Errorf("wrong password: want 400, got %d", status)
		}
		_, pair := do("POST", "/api/v1/token/", "", `{"username":"ada","password":"lovelace"}`)
		collections := func(token string) int {
			status, _ := do("GET", "/api/v1/collections/", token, "")
			return status
		}
		if got := collections(pair["access"]); got != 200 {
			t.Errorf("fresh token: want 200, got %d", got)
		}
		<-time.After(61 * time.Minute)
		if got := collections(pair["access"]); got != 401 {
			t.Errorf("expired token: want 401, got %d", got)
		}
		_, renewed := do("POST", "/api/v1/token/refresh/", "", fmt.Sprintf(`{"refresh":%q}`, pair["refresh"]))
		if got := collections(renewed["access"]); got != 200 {
			t.Errorf("renewed token: want 200, got %d", got)
		}
		<-time.After(3 * time.Hour)
		if status, _ := do("POST", "/api/v1/token/refresh/", "", fmt.Sprintf(`{"refresh":%q}`, pair["refresh"])); status != 400 {
			t.Errorf("expired refresh token: want 400, got %d", status)
		}
		if api.Logins() != 1 || api.Refreshes() != 1 {
			t.Errorf("want 1 login and 1 refresh, got %d and %d", api.Logins(), api.Refreshes())
		}
	})
}

func TestFaultAppliesToItsShare(t *testing.T) {
	api := aisquaretest.New(aisquaretest.Options{})
	server := aisquaretest.Start(api)
	defer server.Close()
	api.SetFault("/api/v1/aistudios/experiences/flattened/", aisquaretest.Fault{Status: 500, Rate: 0.25})
	var got []int
	for range 8 {
		status, _ := call(t, server.URL, "GET", "/api/v1/aistudios/experiences/flattened/", "", "")
		got = append(got, status)
	}
	if want := []int{200, 200, 200, 500, 200, 200, 200, 500}; !cmp.Equal(want, got) {
		t.Errorf("a quarter: %s", cmp.Diff(want, got))
	}
	api.ClearFaults()
	if status, _ := call(t, server.URL, "GET", "/api/v1/aistudios/experiences/flattened/", "", ""); status != 200 {
		t.Errorf("cleared: want 200, got %d", status)
	}
}

func TestEveryBreakPoint(t *testing.T) {
	api := aisquaretest.New(aisquaretest.Options{})
	server := aisquaretest.Start(api)
	defer server.Close()
	const path = "/o/.well-known/openid-configuration"
	fetch := func() ([]byte, error) {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, http.NoBody)
		transport := &http.Transport{DisableKeepAlives: true}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		defer func() { _ = resp.Body.Close() }()
		return io.ReadAll(io.LimitReader(resp.Body, 80<<20))
	}
	for _, c := range []struct {
		how   aisquaretest.BreakPoint
		check func([]byte, error) bool
	}{
		{aisquaretest.BreakReset, func(_ []byte, err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		{aisquaretest.BreakClose, func(_ []byte, err error) bool { return errors.Is(err, io.EOF) }},
		{aisquaretest.BreakBody, func(b []byte, err error) bool { return len(b) == 50 && errors.Is(err, io.ErrUnexpectedEOF) }},
		{aisquaretest.BreakGarbage, func(_ []byte, err error) bool { return err != nil && strings.Contains(err.Error(), "malformed HTTP") }},
		{aisquaretest.BreakEndlessBody, func(b []byte, err error) bool { return err == nil && len(b) == 80<<20 }},
		{aisquaretest.BreakHugeHeaders, func(_ []byte, err error) bool { return err != nil }},
		{aisquaretest.BreakGzipBomb, func(b []byte, err error) bool {
			return err == nil && bytes.Equal(b, bytes.Repeat([]byte(" "), 64<<20))
		}},
	} {
		api.SetFault(path, aisquaretest.Fault{Break: c.how})
		if body, err := fetch(); !c.check(body, err) {
			t.Errorf("%s: got %d bytes and error %v", c.how, len(body), err)
		}
	}
}

func TestHangLastsUntilTheClientGoes(t *testing.T) {
	for _, where := range []aisquaretest.HangPoint{
		aisquaretest.HangBeforeHeaders, aisquaretest.HangDuringHeaders, aisquaretest.HangDuringBody,
	} {
		synctest.Test(t, func(t *testing.T) {
			api := aisquaretest.New(aisquaretest.Options{})
			api.SetFault("*", aisquaretest.Fault{Hang: where})
			pipe := aisquaretest.NewPipe(api)
			defer pipe.Shutdown()
			client := &http.Client{Transport: &http.Transport{DialContext: pipe.Dial}, Timeout: time.Minute}
			start := time.Now()
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://api/", http.NoBody)
			resp, err := client.Do(req)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
				t.Errorf("%s: want a timeout, got %v", where, err)
			}
			if took := time.Since(start); took != time.Minute {
				t.Errorf("%s: want exactly 1m, took %v", where, took)
			}
			client.CloseIdleConnections()
		})
	}
}

func TestRequestsAreKeptUpToTheLimit(t *testing.T) {
	api := aisquaretest.New(aisquaretest.Options{KeepRequests: 3})
	server := aisquaretest.Start(api)
	defer server.Close()
	for i := range 10 {
		call(t, server.URL, "GET", fmt.Sprintf("/o/.well-known/openid-configuration?n=%d", i), "", "")
	}
	var got []string
	for _, r := range api.Requests() {
		got = append(got, r.Query)
	}
	if want := []string{"n=7", "n=8", "n=9"}; !cmp.Equal(want, got) {
		t.Errorf("newest requests: %s", cmp.Diff(want, got))
	}
	if api.Total() != 10 {
		t.Errorf("total: want 10, got %d", api.Total())
	}
}

func Example() {
	api := aisquaretest.New(aisquaretest.Options{})
	server := aisquaretest.Start(api)
	defer server.Close()
	api.SetFault("/api/v1/collections/", aisquaretest.Fault{Status: 500})
	resp, err := http.Get(server.URL + "/api/v1/collections/")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println(resp.StatusCode)
	// Output: 500
}

func BenchmarkPipe(b *testing.B) {
	pipe := aisquaretest.NewPipe(aisquaretest.New(aisquaretest.Options{}))
	defer pipe.Shutdown()
	client := &http.Client{Transport: &http.Transport{DialContext: pipe.Dial}}
	defer client.CloseIdleConnections()
	req, _ := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://api/o/.well-known/openid-configuration", http.NoBody)
	for b.Loop() {
		resp, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}
