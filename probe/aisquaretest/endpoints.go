package aisquaretest

import (
	"net/http"
	"slices"
	"time"
)

// Visibility says who may see a studio.
type Visibility string

// The visibilities that the permission endpoint distinguishes.
const (
	Public  Visibility = "PUBLIC"
	Team    Visibility = "TEAM"
	Private Visibility = "PRIVATE"
)

// Studio is a publication.
type Studio struct {
	URL        string
	Visibility Visibility
	Owner      string   // name of a principal
	Members    []string // names of principals
}

// admits reports whether a principal is the owner or a member.
func (s Studio) admits(principal string) bool {
	return principal != "" && (principal == s.Owner || slices.Contains(s.Members, principal))
}

// AddStudio adds a studio, or replaces the one with the same URL.
func (a *API) AddStudio(s Studio) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.studios[s.URL] = s
}

func (a *API) studio(url string) (Studio, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.studios[url]
	return s, ok
}

func (a *API) discovery(w http.ResponseWriter, r *http.Request) {
	issuer := "http://" + r.Host + "/o"
	writeJSON(w, http.StatusOK, map[string]string{
		"issuer": issuer, "token_endpoint": issuer + "/token/", "userinfo_endpoint": issuer + "/userinfo/",
		"device_authorization_endpoint": issuer + "/device-authorization/",
	})
}

func (a *API) userinfo(w http.ResponseWriter, _ *http.Request, principal string) {
	writeJSON(w, http.StatusOK, map[string]string{"sub": principal, "name": principal})
}

// permission answers 401 to anonymous requests and 404 to principals that may not see a studio.
func (a *API) permission(w http.ResponseWriter, r *http.Request) {
	url := readJSON(r)["url"]
	principal, known := a.principal(r)
	studio, exists := a.studio(url)
	switch {
	case url == "":
		detail(w, http.StatusBadRequest, "url is required.")
	case !exists:
		detail(w, http.StatusNotFound, "Studio not found.")
	case studio.Visibility == Public || studio.admits(principal):
		if studio.admits(principal) {
			http.SetCookie(w, &http.Cookie{ //nolint:gosec // a Secure cookie does not work over plain HTTP on loopback
				Name: "wsid", Value: "1", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
			})
		}
		detail(w, http.StatusOK, "Permission granted.")
	case !known:
		a.refuse(w, r)
	default:
		detail(w, http.StatusNotFound, "Studio not found.")
	}
}

func (a *API) metrics(w http.ResponseWriter, r *http.Request, principal string) {
	studio, exists := a.studio(readJSON(r)["url"])
	switch {
	case !exists:
		detail(w, http.StatusNotFound, "Publication not found.")
	case !studio.admits(principal):
		detail(w, http.StatusForbidden, "Only the owner and co-creators may see these metrics.")
	default:
		writeJSON(w, http.StatusOK, map[string]any{
			"publication": studio.URL, "experience_counts": map[string]int{"podcast": 3, "video": 1},
			"metrics": map[string]int{"views": 1200}, "social_metrics": map[string]int{"likes": 17},
			"generated_at": time.Now().UTC().Format(time.RFC3339),
		})
	}
}

// publicImpact answers 403 and not 401 to anonymous requests, as the API reference says.
func (a *API) publicImpact(w http.ResponseWriter, r *http.Request) {
	if _, known := a.principal(r); !known {
		detail(w, http.StatusForbidden, "Authentication required.")
		return
	}
	studio, exists := a.studio(readJSON(r)["url"])
	if !exists {
		detail(w, http.StatusNotFound, "Publication not found.")
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"publication": studio.URL, "time_period_days": 30, "generated_at": time.Now().UTC().Format(time.RFC3339),
	})
}

func (a *API) feed(w http.ResponseWriter, _ *http.Request) {
	page(w, map[string]any{"id": 1, "title": "Testing in public", "type": "podcast"})
}

func (a *API) collections(w http.ResponseWriter, _ *http.Request, _ string) {
	page(w, map[string]any{"id": 1, "name": "Field notes", "visibility": "public"})
}

func (a *API) bookingsConfig(w http.ResponseWriter, _ *http.Request, _ string) {
	writeJSON(w, http.StatusOK, map[string]any{"enabled": true, "provider": "cal"})
}

// page answers with a page that has one item.
func page(w http.ResponseWriter, item map[string]any) {
	writeJSON(w, http.StatusOK, map[string]any{"count": 1, "next": nil, "previous": nil, "results": []any{item}})
}
