package main

import (
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"squarewatch/probe/redact"
)

//go:embed login.html
var loginPage string

// loginForm is what login.html shows.
type loginForm struct {
	Return string // where to go after the login
	Fault  string
	Closed bool // no token is configured
}

// serveLogin adds the pages /login and /logout. With web.token they give a browser a session; commands use the Unix socket instead.
func (d *Daemon) serveLogin(mux *http.ServeMux) {
	page := template.Must(template.New("login").Parse(loginPage))
	show := func(w http.ResponseWriter, status int, form loginForm) {
		form.Closed = d.config().Web.Token.IsZero()
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_ = page.Execute(w, form)
	}
	protect := http.NewCrossOriginProtection()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		show(w, http.StatusOK, loginForm{Return: localPath(r.URL.Query().Get("return"))})
	})
	mux.Handle("POST /login", protect.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, largestRequest)
		form := loginForm{Return: localPath(r.PostFormValue("return"))}
		switch err := d.logIn(w, r); {
		case errors.Is(err, errTooManyTokens):
			form.Fault = err.Error()
			show(w, http.StatusTooManyRequests, form)
		case err != nil:
			form.Fault = err.Error()
			show(w, http.StatusForbidden, form)
		default:
			seeOther(w, form.Return)
		}
	})))
	mux.Handle("POST /logout", protect.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, cookie(r, "", -1))
		seeOther(w, localPath(r.PostFormValue("return")))
	})))
}

var (
	errTooManyTokens = errors.New("too many wrong tokens were tried; wait a minute")
	errWrongToken    = errors.New("the token is not that of web.token in the configuration")
)

// logIn gives the browser a session if the form has the token.
func (d *Daemon) logIn(w http.ResponseWriter, r *http.Request) error {
	now := time.Now()
	if !d.wrongTokens.allowed(now) {
		return errTooManyTokens
	}
	token := d.config().Web.Token
	if token.IsZero() || !sameSecret(token.Reveal(), r.PostFormValue("token")) {
		d.wrongTokens.add(now)
		d.options.Logger.WarnContext(r.Context(), "the login of a browser was refused", "from", r.RemoteAddr)
		return errWrongToken
	}
	s := session{Name: redact.Text(strings.TrimSpace(r.PostFormValue("name")), longestName), Ends: now.Add(sessionLength).Unix()}
	d.options.Logger.InfoContext(r.Context(), "a browser logged in", "by", onBehalf(tokenHolder, s.Name), "from", r.RemoteAddr)
	http.SetCookie(w, cookie(r, s.seal(token.Reveal()), int(sessionLength/time.Second)))
	return nil
}

// cookie returns the cookie of a session. A page of another site cannot make the browser send it with a POST: SameSite=Lax sends it only
// when a person follows a link, https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-5.6.7.1.
func cookie(r *http.Request, value string, age int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure depends on how the browser reaches the page
		Name: sessionCookie, Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: r.Header.Get("X-Forwarded-Proto") == "https", // a browser drops a secure cookie that comes over plain http
	}
}

// loginPath returns the address of the login form. After the login, the browser returns to the page of r. Both addresses begin with the
// path of external_url, which a proxy may have removed from r.
func (d *Daemon) loginPath(r *http.Request) string {
	prefix := ""
	if u, err := url.Parse(string(d.config().ExternalURL)); err == nil {
		prefix = strings.TrimRight(u.EscapedPath(), "/")
	}
	return prefix + "/login?return=" + url.QueryEscape(prefix+r.URL.RequestURI())
}

// localPath returns the target of a form if it is a path on this site, and ./ otherwise.
func localPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || to == "" || u.Scheme != "" || u.Host != "" || u.User != nil || strings.HasPrefix(to, "//") || strings.Contains(to, `\`) ||
		redact.Printable(to) != to {
		return "./"
	}
	return to
}

// seeOther redirects to a path that localPath returned. It sends the path as it is. http.Redirect would resolve ./ against the path of the
// request, from which a proxy may have removed a prefix.
func seeOther(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
