package probe

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
)

// secrets knows what a runner sends that must not be seen, so that nothing that is kept of an answer repeats it: an API may
// quote the very key that it refuses. A nil one knows nothing.
type secrets struct {
	credentials map[string]Credential // which know their own: tokens come and go

	mu    sync.Mutex
	fixed map[string]bool // of the settings, in every spelling
}

// holder is a credential that knows what of it must not be seen.
type holder interface{ holds() []string }

// learn notes the secrets among a probe's headers and in its body.
func (s *secrets) learn(p *Probe) {
	for name, value := range p.Headers {
		hidden := value.Referenced()
		if SecretHeader(name) {
			hidden = append(hidden, value.Reveal())
		}
		s.note(hidden)
	}
	s.note(p.Body.Referenced())
}

func (s *secrets) note(texts []string) {
	for _, text := range texts {
		for _, piece := range pieces(text) {
			s.add(piece)
		}
	}
}

// noteProxy notes how to log in to a proxy.
func (s *secrets) noteProxy(proxy *url.URL) {
	if password, ok := proxy.User.Password(); ok {
		s.add(password)
		s.add(base64.StdEncoding.EncodeToString([]byte(proxy.User.Username() + ":" + password)))
	}
}

// add notes a secret.
func (s *secrets) add(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fixed == nil {
		s.fixed = map[string]bool{}
	}
	for _, spelling := range spellings(secret) {
		s.fixed[spelling] = true
	}
}

// hide masks every secret in a text, the longest first: one may be a part of another.
func (s *secrets) hide(text string) string {
	if s == nil {
		return text
	}
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.fixed))
	s.mu.Unlock()
	for _, credential := range s.credentials {
		if h, ok := credential.(holder); ok {
			for _, secret := range h.holds() {
				all = append(all, spellings(secret)...)
			}
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

// shortWord is a secret that may be a part of many words, as the name of a user is. It is one only where it stands alone.
var shortWord = regexp.MustCompile(`^[A-Za-z]{1,7}$`)

// SecretHeader reports whether a header of that name carries a secret by custom.
func SecretHeader(name string) bool {
	name = strings.ToLower(name)
	return name == "authorization" || name == "cookie" || strings.Contains(name, "api-key") || strings.Contains(name, "token")
}

// pieces returns a header's value or a body, and what in it is a secret by itself: the key behind a scheme, the values of a
// form, of cookies or of JSON.
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

// leaves returns the texts in a JSON value.
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

// spellings returns how a secret may stand in an answer or an error: as it is, or as JSON, a URL or HTML writes it. One that
// is so short that it may be a part of any word is none.
func spellings(secret string) []string {
	const shortest = 4
	secret = strings.TrimSpace(secret)
	asJSON, _ := json.Marshal(secret) // texts always marshal
	inside := func(quoted string) string { return quoted[1 : len(quoted)-1] }
	all := []string{
		plain(secret), inside(string(asJSON)), strings.ReplaceAll(inside(string(asJSON)), "/", `\/`),
		inside(strconv.Quote(secret)), inside(strconv.QuoteToASCII(secret)),
	}
	escaped := html.EscapeString(secret)
	all = append(all, escaped, strings.NewReplacer("&#34;", "&quot;", "&#39;", "&#x27;").Replace(escaped)) // as Go, and as Django has it
	for _, escaped := range []string{url.QueryEscape(secret), url.PathEscape(secret), url.QueryEscape(url.QueryEscape(secret))} {
		all = append(all, escaped, percent.ReplaceAllStringFunc(escaped, strings.ToLower))
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(spelling string) bool { return len(spelling) < shortest })
}
