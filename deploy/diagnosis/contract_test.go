//go:build diagnosis

package diagnosis_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"squarewatch/probe/aisquaretest"
)

// exchange is one request and what every target must answer.
type exchange struct {
	what   string
	method string
	path   string
	bearer string
	body   string
	status []int    // one of them
	keys   []string // that the JSON object has, at least
}

// contract is what the catalogue and the login rely on. The API's documentation says 400 for a refused login or refresh token; simplejwt
// answers 401 (https://django-rest-framework-simplejwt.readthedocs.io/). squarewatch must take both.
func contract() []exchange {
	const key, ours, unknownStudio = aisquaretest.DefaultKey, `{"url": "` + aisquaretest.DefaultStudio + `"}`, `{"url": "nowhere"}`
	page := []string{"count", "next", "previous", "results"}
	detail := []string{"detail"}
	refused := []int{http.StatusBadRequest, http.StatusUnauthorized}
	return []exchange{
		{"the discovery document", "GET", reachPath, "", "", []int{200}, []string{"issuer", "token_endpoint", "userinfo_endpoint"}},
		{"the permission of a public studio", "POST", permissionPath, "", ours, []int{200}, detail},
		{"the permission with a key", "POST", permissionPath, key, ours, []int{200}, detail},
		{"the permission of an unknown studio", "POST", permissionPath, "", unknownStudio, []int{404}, detail},
		{"a list without a key", "GET", collectionsPath, "", "", []int{401}, detail},
		{"a list with a wrong key", "GET", collectionsPath, "aisq-wrong", "", []int{401}, detail},
		{"a list with a key", "GET", collectionsPath, key, "", []int{200}, page},
		{"a list with another key", "GET", collectionsPath, partnerKey, "", []int{200}, page},
		{"the feed without a key", "GET", feedPath, "", "", []int{200}, page},
		{"bookings with a key", "GET", bookingsPath, key, "", []int{200}, []string{"enabled", "provider"}},
		{"bookings without a key", "GET", bookingsPath, "", "", []int{401}, detail},
		{"metrics of the owner", "POST", metricsPath, key, ours, []int{200}, []string{"publication", "metrics", "generated_at"}},
		{"metrics without a key", "POST", metricsPath, "", ours, []int{401}, detail},
		{"metrics of an unknown studio", "POST", metricsPath, key, unknownStudio, []int{404}, detail},
		{"a login with a wrong password", "POST", tokenPath, "", `{"username": "` + member + `", "password": "wrong"}`, refused, detail},
		{"a login of an unknown user", "POST", tokenPath, "", `{"username": "nobody", "password": "` + password + `"}`, refused, detail},
		{"a refresh with no token of ours", "POST", refreshPath, "", `{"refresh": "nonsense"}`, refused, []string{"detail", "code"}},
		{"a refresh token in place of a key", "GET", collectionsPath, "REFRESH", "", []int{401}, detail},
		{"an access token", "GET", collectionsPath, "ACCESS", "", []int{200}, page},
		{"an access token in place of a refresh token", "POST", refreshPath, "", `{"refresh": "ACCESS"}`, refused, []string{"detail", "code"}},
		{"a refresh", "POST", refreshPath, "", `{"refresh": "REFRESH"}`, []int{200}, []string{"access"}},
	}
}

// TestBothTargetsKeepTheContract holds the stand-in and the API's own stack to the same contract, so that what a test shows of one holds
// for the other.
func TestBothTargetsKeepTheContract(t *testing.T) {
	for number, s := range []setup{{long: true}, {long: true, login: true, django: &django{}}} {
		st, err := newStage(s, t.TempDir(), 900+number, 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprintf("Django %t", s.django != nil), func(t *testing.T) {
			defer st.close()
			c := &contractTest{t: t, base: st.target(), client: &http.Client{Timeout: 10 * time.Second}}
			pair := `{"username": "` + member + `", "password": "` + password + `"}`
			tokens := c.ask(exchange{"a login", "POST", tokenPath, "", pair, []int{200}, []string{"access", "refresh"}})
			c.access, c.refresh = fmt.Sprint(tokens["access"]), fmt.Sprint(tokens["refresh"])
			for _, e := range contract() {
				c.ask(e)
			}
		})
	}
}

// contractTest holds one target to the contract.
type contractTest struct {
	t               *testing.T
	base            string
	client          *http.Client
	access, refresh string // tokens, for ACCESS and REFRESH in an exchange
}

func (c *contractTest) fill(text string) string {
	return string(bytes.ReplaceAll(bytes.ReplaceAll([]byte(text), []byte("ACCESS"), []byte(c.access)), []byte("REFRESH"), []byte(c.refresh)))
}

// ask sends a request, compares the answer and returns it.
func (c *contractTest) ask(e exchange) map[string]any {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), e.method, c.base+e.path, bytes.NewReader([]byte(c.fill(e.body))))
	if err != nil {
		c.t.Fatal(err)
	}
	if e.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if e.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.fill(e.bearer))
	}
	resp, err := c.client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil || !slices.Contains(e.status, resp.StatusCode) {
		c.t.Errorf("%s: want %v and JSON, got %d and %s", e.what, e.status, resp.StatusCode, text)
	}
	for _, key := range e.keys {
		if _, there := got[key]; !there {
			c.t.Errorf("%s: want the key %s, got %v", e.what, key, slices.Sorted(maps.Keys(got)))
		}
	}
	if resp.StatusCode == http.StatusUnauthorized && resp.Header.Get("WWW-Authenticate") == "" {
		c.t.Errorf("%s: want WWW-Authenticate", e.what)
	}
	return got
}
