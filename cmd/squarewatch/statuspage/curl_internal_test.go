package statuspage

import (
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"squarewatch/config/secret"
	"squarewatch/probe"
)

// referenced returns a text whose value came from a reference.
func referenced(t *testing.T, value string) secret.Text {
	t.Helper()
	text := secret.New("${env:X}")
	if _, err := text.Resolve(func(secret.Reference) (string, error) { return value, nil }); err != nil {
		t.Fatal(err)
	}
	return text
}

func TestCurlRepeatsARequestWithoutItsSecrets(t *testing.T) {
	const base = "curl -sS -i -X "
	post := func(body secret.Text) probe.Probe { return probe.Probe{Method: http.MethodPost, Path: "/", Body: body} }
	for name, test := range map[string]struct {
		probe     probe.Probe
		want      string
		variables string
	}{
		"bare": {probe.Probe{Method: http.MethodGet, Path: "/feed/"}, base + "GET 'https://api/feed/'", ""},
		"head": {probe.Probe{Method: http.MethodHead, Path: "/"}, "curl -sS -i --head 'https://api/'", ""},
		"query": {
			probe.Probe{Method: http.MethodGet, Path: "/feed/?page=1&token=s3cr3t-value&q=it's", Credential: "partner"},
			base + `GET 'https://api/feed/?page=1&token='"$TOKEN"'&q=it'\''s' -H "Authorization: Bearer $KEY"`, "TOKEN KEY",
		},
		"headers": {
			probe.Probe{Method: http.MethodGet, Path: "/", Headers: map[string]secret.Text{
				"Accept": secret.New("text/html"), "X-Api-Key": secret.New("abc"), "X-Workspace": referenced(t, "hush"),
			}},
			base + `GET 'https://api/' -H 'Accept: text/html' -H 'X-Api-Key: '"$X_API_KEY" -H 'X-Workspace: '"$X_WORKSPACE"`,
			"X_API_KEY X_WORKSPACE",
		},
		"json": {
			probe.Probe{Method: http.MethodPost, Path: "/", JSON: map[string]any{"q": "it's"}},
			base + `POST 'https://api/' -H 'Content-Type: application/json' --data-binary '{"q":"it'\''s"}'`, "",
		},
		"json with a secret": {
			probe.Probe{Method: http.MethodPost, Path: "/", JSON: map[string]any{"password": "hunter22"}},
			base + `POST 'https://api/' -H 'Content-Type: application/json' --data-binary "$BODY"`, "BODY",
		},
		"body": {post(secret.New("a=b")), base + `POST 'https://api/' --data-binary 'a=b'`, ""},
		"body with a reference": {
			post(referenced(t, "x")), base + `POST 'https://api/' --data-binary "$BODY"`, "BODY",
		},
		"body that injects text": {
			post(secret.New("'; rm -r x; '")), base + `POST 'https://api/' --data-binary ''\''; rm -r x; '\'''`, "",
		},
	} {
		got := curlOf("https://api/", &test.probe)
		if got.Command != test.want || strings.Join(got.Variables, " ") != test.variables {
			t.Errorf("%s: got\n%s (%v), want\n%s (%s)", name, got.Command, got.Variables, test.want, test.variables)
		}
	}
}

// TestCurlIsOneCommand lets a shell read the words of a command with hostile text.
func TestCurlIsOneCommand(t *testing.T) {
	hostile := `$(touch x) "'` + "`id`" + ` \ ; &`
	p := probe.Probe{
		Method: http.MethodPost, Path: "/a?q=" + hostile, Body: secret.New(hostile), Headers: map[string]secret.Text{"X-A": secret.New(hostile)},
	}
	command := strings.TrimPrefix(curlOf("https://api", &p).Command, "curl ")
	out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf '%s\\n' "+command).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{hostile, "X-A: " + hostile} {
		if !slices.Contains(strings.Split(string(out), "\n"), want) {
			t.Errorf("want the word %s in\n%s", want, out)
		}
	}
}
