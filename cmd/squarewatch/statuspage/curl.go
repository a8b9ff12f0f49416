package statuspage

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/redact"
)

// Curl is a command that repeats a request.
type Curl struct {
	Command   string   `json:"command"`
	Variables []string `json:"variables"` // shell variables for values that are, or look like, secrets
}

// curlOf returns the command for the request of a probe.
func curlOf(target string, p *probe.Probe) Curl {
	var c Curl
	method := "-X " + p.Method
	if p.Method == http.MethodHead {
		method = "--head"
	}
	parts := []string{"curl", "-sS", "-i", method, c.address(target, p.Path)}
	if p.Credential != "" && p.Credential != probe.NoCredential {
		parts = append(parts, "-H", `"Authorization: Bearer `+c.variable("KEY")+`"`)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
		parts = append(parts, "-H", c.header(name, p.Headers[name]))
	}
	switch {
	case p.JSON != nil:
		body, _ := json.Marshal(p.JSON) // the runner has done the same
		parts = append(parts, "-H", "'Content-Type: application/json'", "--data-binary", c.value("BODY", string(body), isOpen("", string(body))))
	case !p.Body.IsZero():
		body := p.Body.Reveal()
		parts = append(parts, "--data-binary", c.value("BODY", body, len(p.Body.Referenced()) == 0 && isOpen("", body)))
	}
	c.Command = strings.Join(parts, " ")
	return c
}

// address returns the address of a request as a word of the shell.
func (c *Curl) address(target, path string) string {
	path, query, found := strings.Cut(path, "?")
	plain, word := strings.TrimSuffix(target, "/")+path, ""
	for i, part := range strings.Split(query, "&") {
		switch {
		case i > 0:
			plain += "&"
		case found:
			plain += "?"
		}
		name, value, _ := strings.Cut(part, "=")
		if decoded, _ := url.QueryUnescape(value); isOpen(name, decoded) {
			plain += part
			continue
		}
		word += quoted(plain+name+"=") + `"` + c.variable(name) + `"`
		plain = ""
	}
	if plain != "" {
		word += quoted(plain)
	}
	return word
}

// header returns a header as a word of the shell.
func (c *Curl) header(name string, value secret.Text) string {
	if len(value.Referenced()) > 0 || redact.SecretHeader(name) || !isOpen(name, value.Reveal()) {
		return quoted(name+": ") + `"` + c.variable(name) + `"`
	}
	return quoted(name + ": " + value.Reveal())
}

// value returns a text as a word of the shell. It returns a variable instead when the text must not be shown.
func (c *Curl) value(name, text string, open bool) string {
	if !open {
		return `"` + c.variable(name) + `"`
	}
	return quoted(text)
}

// variable returns a variable of the shell with a name like this one.
func (c *Curl) variable(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(name))
	if !slices.Contains(c.Variables, name) {
		c.Variables = append(c.Variables, name)
	}
	return "$" + name
}

// isOpen reports whether a text can be shown: neither its name nor its form is that of a secret. The name may be empty.
func isOpen(name, text string) bool {
	line := text
	if name != "" {
		line = name + "=" + text
	}
	line = strings.Join(strings.Fields(redact.Printable(line)), " ")
	return !strings.EqualFold(name, "key") && redact.Text(line, len(line)+1) == line
}

// quoted returns text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
