// Package redact makes foreign text fit to be shown. It masks known secrets and everything that looks like a token, a
// password or a mail address, removes control characters and limits the length.
package redact

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"html"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"squarewatch/config/secret"
)

// Secrets masks a set of known secrets. An API may quote the key that it refuses, so every text that comes from outside is
// masked before it is stored. Secrets is safe for concurrent use. A nil Secrets masks only what looks like a secret.
type Secrets struct {
	holders []Holder

	mu    sync.Mutex
	fixed map[string]bool // secrets of the settings, in every spelling
}

// Holder is the owner of secrets that change while the process runs, such as tokens.
type Holder interface {
	// Secrets returns the secrets that the holder has now, and those that it has just replaced.
	Secrets() []string
}

// New returns Secrets that mask what the holders have.
func New(holders ...Holder) *Secrets { return &Secrets{holders: holders} }

// AddHeader adds the secrets in the value of an HTTP header: what came from a reference, and the whole value where
// [SecretHeader] says so.
func (s *Secrets) AddHeader(name string, value secret.Text) {
	s.AddText(value)
	if SecretHeader(name) {
		s.addPieces(value.Reveal())
	}
}

// AddText adds what came from references such as ${env:X} in a text.
func (s *Secrets) AddText(text secret.Text) {
	for _, referenced := range text.Referenced() {
		s.addPieces(referenced)
	}
}

// AddProxy adds the password in the URL of a proxy, and the header value that carries it.
func (s *Secrets) AddProxy(proxy *url.URL) {
	if password, ok := proxy.User.Password(); ok {
		s.Add(password)
		s.Add(base64.StdEncoding.EncodeToString([]byte(proxy.User.Username() + ":" + password)))
	}
}

func (s *Secrets) addPieces(text string) {
	for _, piece := range pieces(text) {
		s.Add(piece)
	}
}

// Add adds one secret.
func (s *Secrets) Add(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fixed == nil {
		s.fixed = map[string]bool{}
	}
	for _, spelling := range spellings(secret) {
		s.fixed[spelling] = true
	}
}

// hide masks every known secret in a text. It starts with the longest, because one secret may be a part of another.
func (s *Secrets) hide(text string) string {
	if s == nil {
		return text
	}
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.fixed))
	s.mu.Unlock()
	for _, holder := range s.holders {
		for _, secret := range holder.Secrets() {
			all = append(all, spellings(secret)...)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, secret := range all {
		if shortWord.MatchString(secret) {
			text = regexp.MustCompile(`\b`+secret+`\b`).ReplaceAllLiteralString(text, masked)
			continue
		}
		text = strings.ReplaceAll(text, secret, masked)
	}
	return text
}

// shortWord matches a secret that may be a part of ordinary words, such as a user name. Such a secret is masked only where
// it is a whole word.
var shortWord = regexp.MustCompile(`^[A-Za-z]{1,7}$`)

// SecretHeader reports whether a header of this name usually carries a secret.
func SecretHeader(name string) bool {
	name = strings.ToLower(name)
	return name == "authorization" || name == "cookie" || strings.Contains(name, "api-key") || strings.Contains(name, "token")
}

// pieces returns a header's value or a body, and the parts of it that are secrets by themselves: the key after a scheme such
// as Bearer, and the values of a form, of cookies or of JSON.
func pieces(text string) []string {
	all := []string{text}
	var parsed any
	if json.Unmarshal([]byte(text), &parsed) == nil {
		return append(all, leaves(parsed)...)
	}
	if scheme, key, ok := strings.Cut(text, " "); ok && !strings.Contains(key, " ") {
		all = append(all, key)
		if login, err := base64.StdEncoding.DecodeString(key); err == nil && strings.EqualFold(scheme, "basic") {
			_, password, _ := strings.Cut(string(login), ":")
			all = append(all, string(login), password)
		}
	}
	for _, pair := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("&; \r\n", r) }) {
		if _, value, ok := strings.Cut(pair, "="); ok {
			plain, err := url.QueryUnescape(value)
			if err != nil {
				plain = value
			}
			all = append(all, value, plain)
		}
	}
	return all
}

// leaves returns all strings in a JSON value.
func leaves(value any) []string {
	var all []string
	switch v := value.(type) {
	case string:
		all = append(all, v)
	case []any:
		for _, item := range v {
			all = append(all, leaves(item)...)
		}
	case map[string]any:
		for _, item := range v {
			all = append(all, leaves(item)...)
		}
	}
	return all
}

var percent = regexp.MustCompile(`%[0-9A-F]{2}`)

// spellings returns the forms in which a secret may appear in an answer or an error: plain, or encoded for JSON, a URL or
// HTML. Forms of less than four bytes are left out, because they could be a part of any word.
func spellings(secret string) []string {
	const shortest = 4
	secret = strings.TrimSpace(secret)
	asJSON, _ := json.Marshal(secret) // a string always marshals
	inside := func(quoted string) string { return quoted[1 : len(quoted)-1] }
	all := []string{
		plain(secret), inside(string(asJSON)), strings.ReplaceAll(inside(string(asJSON)), "/", `\/`),
		inside(strconv.Quote(secret)), inside(strconv.QuoteToASCII(secret)),
	}
	escaped := html.EscapeString(secret)
	byDjango := strings.NewReplacer("&#34;", "&quot;", "&#39;", "&#x27;").Replace(escaped)
	all = append(all, escaped, byDjango)
	for _, escaped := range []string{url.QueryEscape(secret), url.PathEscape(secret), url.QueryEscape(url.QueryEscape(secret))} {
		all = append(all, escaped, percent.ReplaceAllStringFunc(escaped, strings.ToLower))
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(spelling string) bool { return len(spelling) < shortest })
}
