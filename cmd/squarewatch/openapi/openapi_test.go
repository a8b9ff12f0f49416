package openapi_test

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"squarewatch/cmd/squarewatch/openapi"
	"squarewatch/config"
	"squarewatch/config/golden"
	"squarewatch/probe"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func options(target string) openapi.Options {
	options := openapi.Options{Schedule: probe.MustSchedule("@every 1m")}
	if target != "" {
		host, path, _ := strings.Cut(target, "/")
		options.Target = &url.URL{Scheme: "https", Host: host, Path: "/" + path}
	}
	return options
}

// read imports a document and returns the written file, which must be a valid configuration, and what was left out.
func read(t *testing.T, document string, o openapi.Options) (file, leftOut string) {
	t.Helper()
	imported, err := openapi.Read([]byte(document), o)
	if err != nil {
		t.Fatal(err)
	}
	var written, left strings.Builder
	if len(imported.Probes) > 0 {
		if err := imported.Write(&written); err != nil {
			t.Fatal(err)
		}
		checkValid(t, imported, written.String())
	}
	for _, l := range imported.LeftOut {
		fmt.Fprintf(&left, "%s: %s\n", l.Operation, l.Reason)
	}
	fmt.Fprintf(&left, "%d writes\n", imported.Writes)
	return written.String(), left.String()
}

// checkValid fails the test if config refuses a written file with as many probes.
func checkValid(t *testing.T, imported *openapi.Import, file string) {
	t.Helper()
	credentials := t.TempDir()
	for _, name := range append(imported.Credentials, imported.Secrets...) {
		if err := os.WriteFile(filepath.Join(credentials, name), []byte("a-secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	newKey := func(s probe.APIKeySettings, _ *config.Config) (probe.Credential, error) { return probe.NewAPIKey(s) }
	kinds := config.Kinds{Credentials: []config.Kind[probe.Credential]{config.NewKind("api_key", probe.APIKeySettings{}, newKey)}}
	cfg, err := config.Parse("probes.yaml", []byte(file), config.Options{
		Kinds:                kinds,
		CredentialsDirectory: credentials,
	})
	if err != nil {
		t.Fatalf("squarewatch check refuses the file: %v\n%s", err, file)
	}
	if len(cfg.Probes) != len(imported.Probes) {
		t.Errorf("the file has %d probes, want %d\n%s", len(cfg.Probes), len(imported.Probes), file)
	}
}

// TestPublicDocuments imports excerpts of real documents: AISquare's own (OpenAPI 3.1), Alertmanager's (Swagger 2.0), GitHub's (3.0), and
// Gotify's (Swagger 2.0), whose operations need a login.
func TestPublicDocuments(t *testing.T) {
	for name, target := range map[string]string{
		"aisquare.yaml": "api.aisquare.studio", "alertmanager.yaml": "alerts.example.org/api/v2/", "github.json": "",
		"gotify.yaml": "gotify.example.org",
	} {
		t.Run(name, func(t *testing.T) {
			document, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			file, left := read(t, string(document), options(target))
			golden.Check(t, filepath.Join("testdata", name+".golden"), file+"\nleft out:\n"+left, *update)
		})
	}
}

// TestPrometheus imports the whole documents of Prometheus (Apache-2.0), in OpenAPI 3.1 and 3.2, from the module that go.mod names.
func TestPrometheus(t *testing.T) {
	module, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/prometheus/prometheus").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"3.1", "3.2"} {
		path := filepath.Join(strings.TrimSpace(string(module)), "web/api/v1/testdata/openapi_"+version+"_golden.yaml")
		document, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, left := read(t, string(document), options("prometheus.example.org"))
		if n := strings.Count(file, "- name: "); n < 25 {
			t.Errorf("%s: %d probes, want most of the 32 read-only operations", version, n)
		}
		if want := `GET /label/{name}/values: the required path parameter "name" has no example`; !strings.Contains(left, want) {
			t.Errorf("%s: left out:\n%s\nwant %s", version, left, want)
		}
	}
}

// operation wraps an operation of one path in a document.
func operation(path, text string) string {
	return fmt.Sprintf(`{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "servers": [{"url": "https://api.example.org/v2/"}],
		"components": {"securitySchemes": {
			"My Bearer": {"type": "http", "scheme": "bearer"}, "basic": {"type": "http", "scheme": "basic"}, "none": {"type": "oauth2"},
			"header": {"type": "apiKey", "in": "header", "name": "X-API-Key"}, "query": {"type": "apiKey", "in": "query", "name": "key"}}},
		"paths": {%q: {"get": {"responses": {"200": {"description": ""}}, %s}}}}`, path, text)
}

// parameter returns the parameters of an operation with one.
func parameter(in, name, rest string) string {
	return fmt.Sprintf(`"parameters": [{"in": %q, "name": %q, %s}]`, in, name, rest)
}

// responses returns the responses of an operation.
func responses(statuses ...string) string {
	list := make([]string, 0, len(statuses))
	for _, status := range statuses {
		list = append(list, fmt.Sprintf(`%q: {"description": ""}`, status))
	}
	return `"responses": {` + strings.Join(list, ", ") + "}"
}

func TestOperations(t *testing.T) {
	for name, c := range map[string]struct{ path, operation, want string }{
		"name of the path":    {"/pets/all", `"tags": []`, "name: pets-all\n    path: /v2/pets/all"},
		"camel case":          {"/a", `"operationId": "listHTTPRoutesV2"`, "name: list-http-routes-v2"},
		"example":             {"/a/{id}", parameter("path", "id", `"required": true, "example": "a/b c"`), "path: /v2/a/a%2Fb%20c\n"},
		"schema of 3.1":       {"/a/{id}", parameter("path", "id", `"schema": {"examples": [7]}`), "path: /v2/a/7\n"},
		"first allowed value": {"/a", parameter("query", "q", `"required": true, "schema": {"enum": ["x y"]}`), "path: /v2/a?q=x+y\n"},
		"optional parameter":  {"/a", parameter("query", "q", `"example": 1`), "path: /v2/a\n"},
		"dollar in a header":  {"/a", parameter("header", "X-A", `"required": true, "example": "${env:HOME}"`), "X-A: $${env:HOME}"},
		"bearer":              {"/a", `"security": [{"My Bearer": []}]`, "credential: my-bearer"},
		"scheme named none":   {"/a", `"security": [{"none": []}]`, "credential: none-2"},
		"basic":               {"/a", `"security": [{"basic": []}]`, "Authorization: Basic ${credential:basic}"},
		"key in a header":     {"/a", `"security": [{"header": []}]`, "X-API-Key: ${credential:header}"},
		"two ways":            {"/a", `"security": [{"query": []}, {"My Bearer": []}]`, "credential: my-bearer"},
		"two statuses":        {"/a", responses("204", "2XX", "404"), "expect: {status: [204, 2xx]}"},
		"only a default":      {"/a", responses("default"), "credential: none\n"},
		"tag with reference":  {"/a", `"tags": ["${env:HOME}"]`, "{env:HOME}"},
	} {
		t.Run(name, func(t *testing.T) {
			document := operation(c.path, c.operation)
			if strings.Contains(c.operation, "responses") {
				document = strings.Replace(document, `"responses": {"200": {"description": ""}}, `, "", 1)
			}
			if file, left := read(t, document, options("")); !strings.Contains(file, c.want) {
				t.Errorf("want %q in\n%s\nleft out: %s", c.want, file, left)
			}
		})
	}
}

func TestLeftOut(t *testing.T) {
	for name, c := range map[string]struct{ path, operation, want string }{
		"no example":          {"/a/{id}", parameter("path", "id", `"required": true`), `the required path parameter "id" has no example`},
		"undefined":           {"/a/{id}", `"tags": []`, "its path has a parameter that the document does not define"},
		"dots":                {"/a/{id}", parameter("path", "id", `"example": ".."`), "would change the path"},
		"cookie":              {"/a", parameter("cookie", "c", `"required": true, "example": 1`), "keeps no cookies"},
		"object":              {"/a", parameter("query", "q", `"required": true, "example": {"a": 1}`), "neither a text"},
		"key in the query":    {"/a", `"security": [{"query": []}]`, "squarewatch sends secrets only in headers"},
		"unknown scheme":      {"/a", `"security": [{"what": []}]`, `does not define its security scheme "what"`},
		"verb of the name":    {"/a", `"operationId": "user.deleteAll"`, "may change something (delete)"},
		"verb of the path":    {"/user/log_out", `"tags": []`, "may change something (logout)"},
		"deprecated":          {"/a", `"deprecated": true`, "deprecated"},
		"method override":     {"/a?_method=DELETE", `"tags": []`, "overrides the method"},
		"override header":     {"/a", parameter("header", "X-HTTP-Method", `"required": true, "example": "PUT"`), "overrides the method"},
		"bad header":          {"/a", parameter("header", "a b", `"required": true, "example": 1`), "not allowed for a header"},
		"another server":      {"/a", `"servers": [{"url": "https://evil.example.net"}]`, "on another server, https://evil.example.net"},
		"path of two slashes": {"//evil.example.net/", `"servers": [{"url": "https://api.example.org"}]`, "no probe can send it"},
		"fragment":            {"/a#b", `"tags": []`, "no probe can send it"},
	} {
		t.Run(name, func(t *testing.T) {
			if file, left := read(t, operation(c.path, c.operation), options("")); !strings.Contains(left, c.want) {
				t.Errorf("want %q, got %q\n%s", c.want, left, file)
			}
		})
	}
}

func TestRefusedDocuments(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("openapi: 3.0.0\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10))
	}
	deep := strings.Repeat("[", 300) + strings.Repeat("]", 300)
	at := func(server string) string { return "openapi: 3.0.0\nservers: [{url: '" + server + "'}]\npaths: {}" }
	to := func(reference string) string { return "openapi: 3.0.0\npaths: {/a: {$ref: '" + reference + "'}}" }
	for name, c := range map[string]struct{ document, want string }{
		"empty":             {"", "it is empty"},
		"text":              {"hello", "it is not an OpenAPI document"},
		"other version":     {"openapi: 4.0.0", `it has version "4.0.0"`},
		"no operations":     {at("https://a.example.org"), "the document has no operations"},
		"no server":         {"openapi: 3.0.0\npaths: {}", "write --target"},
		"plain http":        {at("http://a.example.org"), "no server of the document has an https address"},
		"another document":  {to("/etc/passwd"), `refers to another document, "/etc/passwd", which is not fetched`},
		"an address":        {to("http://169.254.169.254/x"), "which is not fetched"},
		"nothing":           {to("#/nowhere"), "it is not valid"},
		"deep YAML":         {"openapi: 3.0.0\na: " + deep, "more than 200 levels deep"},
		"deep JSON":         {`{"openapi": "3.0.0", "a": ` + deep + "}", "more than 200 levels deep"},
		"aliases":           {bomb.String(), "when its YAML aliases are written out"},
		"alias in itself":   {"openapi: 3.0.0\na: &a [*a]", "more than 200 levels deep"},
		"terminal commands": {"openapi: \"\\e]0;x\\a4\"", `it has version "]0;x4"`},
		"large":             {strings.Repeat(" ", openapi.MaxSize+1), "larger than 32 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := openapi.Read([]byte(c.document), options("")); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// hostile is a document whose texts try to break out of comments, names and values.
const hostile = `{"openapi": "3.0.0", "info": {"title": "x\ntarget: https://evil.example.net\u202e", "version": "1"},
	"servers": [{"url": "https://api.example.org"}],
	"paths": {"/a": {"get": {"operationId": "\u001b[2Jlist\nprobes: []", "summary": "s\r\n  - name: more\u2028x",
		"tags": ["a\nb: c", "{{", "'\"", "# x"],
		"responses": {"200": {"description": ""}}}},
	"/b": {"get": {"operationId": "list probes: []", "responses": {"200": {"description": ""}}}},
	"/c\u0007": {"get": {"operationId": "привет", "responses": {"200": {"description": ""}}}},
	"/d\u001b[31m/{x}": {"get": {"responses": {"200": {"description": ""}}}}}}`

func TestHostileText(t *testing.T) {
	file, left := read(t, hostile, options(""))
	checkPrintable(t, file+left)
	for _, want := range []string{"\n  - name: 2-jlist-probes\n", "\n  - name: list-probes\n", "target: https://api.example.org\n"} {
		if !strings.Contains(file, want) {
			t.Errorf("want %q in\n%s", want, file)
		}
	}
	if n := strings.Count(file, "\ntarget: "); n != 1 {
		t.Errorf("%d targets in\n%s", n, file)
	}
}

func checkPrintable(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			t.Fatalf("%q is in %q", r, text)
		}
	}
}

// FuzzRead checks that every document is refused, or becomes a valid file that is printable.
func FuzzRead(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		if document, err := os.ReadFile(path); err == nil && !strings.HasSuffix(path, ".golden") && len(document) < 4000 {
			f.Add(document)
		}
	}
	f.Add([]byte(hostile))
	f.Add([]byte(operation("/a/{id}", parameter("path", "id", `"example": "1"`)+`, "security": [{"basic": [], "header": []}]`)))
	f.Fuzz(func(t *testing.T, document []byte) {
		imported, err := openapi.Read(document, options("api.example.org"))
		if err != nil {
			checkPrintable(t, err.Error())
			return
		}
		for _, left := range imported.LeftOut {
			checkPrintable(t, left.Operation+left.Reason)
		}
		if len(imported.Probes) == 0 {
			return
		}
		var written strings.Builder
		if err := imported.Write(&written); err != nil {
			t.Fatal(err)
		}
		checkPrintable(t, written.String())
		checkValid(t, imported, written.String())
	})
}
