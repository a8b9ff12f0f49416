package config_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"squarewatch/config"
)

func load(ctx context.Context, path string) (*config.Config, error) {
	return config.Load(ctx, path, config.Options{Kinds: kinds(), Environ: environ})
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAPathThatIsNotARegularFileIsRefused(t *testing.T) {
	for path, want := range map[string]string{"/dev/zero": "is a device or a socket", t.TempDir(): "is a directory"} {
		_, err := load(t.Context(), path)
		if _, ok := errors.AsType[*config.FileError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want a FileError with %q, got %v", path, want, err)
		}
	}
	for reference, want := range map[string]string{"/dev/zero": "is a device or a socket", t.TempDir(): "is a directory"} {
		_, err := load(t.Context(), write(t, `
target: https://api.aisquare.studio
catalogue: [reach]
credentials: {a: {api_key: "${file:`+reference+`}"}}
`))
		if err == nil || !strings.Contains(err.Error(), "credentials.a.api_key") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want the place and %q, got %v", reference, want, err)
		}
	}
}

func TestAFileAboveTheLimitIsRefused(t *testing.T) {
	_, err := load(t.Context(), write(t, strings.Repeat("# nothing\n", 17<<20/10)))
	if err == nil || !strings.Contains(err.Error(), "is too large: it has more than 16384 KiB") {
		t.Errorf("want the limit, got %v", err)
	}
}

// TestAPipeWithoutAWriterIsEmpty checks that opening does not wait for a writer.
func TestAPipeWithoutAWriterIsEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t.Context(), path); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("want an empty file, got %v", err)
	}
}

// TestReadingEndsWithItsContext reads from a pipe whose writer is silent.
func TestReadingEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = writer.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := load(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("want the end of the context, got %v", err)
	}
}

// TestAProcessSubstitutionIsRead reads a pipe as a shell passes it for --config <(command).
func TestAProcessSubstitutionIsRead(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	if _, err := writer.WriteString("target: https://api.aisquare.studio\ncatalogue: [reach]\n"); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t.Context(), fmt.Sprintf("/dev/fd/%d", reader.Fd())); err != nil {
		t.Errorf("want what came through the pipe, got %v", err)
	}
}

// TestAliasesOfAliasesAreBounded reads a file of less than 1 kB that has 10^12 values when its aliases are replaced.
func TestAliasesOfAliasesAreBounded(t *testing.T) {
	var file strings.Builder
	file.WriteString("target: https://api.aisquare.studio\nprobes:\n  - name: a\n    path: /\n    json:\n      a0: &a0 [x]\n")
	for i := range 12 {
		fmt.Fprintf(&file, "      a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i), 10), ","))
	}
	began := time.Now()
	_, err := load(t.Context(), write(t, file.String()))
	if err == nil || !strings.Contains(err.Error(), "has more than 1000000 values when its aliases are written out") {
		t.Errorf("want a refusal after %v, got %v", time.Since(began), err)
	}
}

func TestErrorsAreBoundedInNumberAndSize(t *testing.T) {
	var file strings.Builder
	file.WriteString("target: https://api.aisquare.studio\nprobes:\n")
	for i := range 3000 {
		fmt.Fprintf(&file, "  - {name: endpoint-%d, path: /, depends_on: [endpiont-1%d]}\n", i, i%7)
	}
	fmt.Fprintf(&file, "rules:\n  - {name: %s, on: [5xx]}\n", strings.Repeat("Ä", 100_000))
	_, err := load(t.Context(), write(t, file.String()))
	all, ok := errors.AsType[config.Errors](err)
	if !ok || len(all) < 3000 {
		t.Fatalf("want 3000 faults, got %d of %T", len(all), err)
	}
	text := err.Error()
	if len(text) > 50_000 || strings.Count(text, "\n") != 50 || !strings.HasSuffix(text, "more; correct these first") {
		t.Errorf("want 50 faults and a count, got %d bytes in %d lines", len(text), strings.Count(text, "\n"))
	}
	if want := `depends_on[0]: is "endpiont-10", and there is no such probe; did you mean "endpoint-10"?`; !strings.Contains(text, want) {
		t.Errorf("want the nearest name, got %s", text[:400])
	}
	for _, one := range all {
		if len(one.Error()) > 1500 {
			t.Errorf("want each fault short, got %d bytes", len(one.Error()))
		}
	}
}

func TestABlankAtTheEndOfASecretIsRefused(t *testing.T) {
	dir := t.TempDir()
	for name, value := range map[string]string{
		"end": hushHook + " \n", "tab": hushHook + "\t", "begin": " " + hushHook, "lines": hushHook + "\n \n", "good": hushHook + "\r\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.Parse("f.yaml", []byte(`
target: https://api.aisquare.studio
catalogue: [reach]
notifiers: {ops: {slack: {webhook_url: "${credential:`+name+`}"}}}
`), config.Options{Kinds: kinds(), CredentialsDirectory: dir})
		want := "f.yaml:4:40: notifiers.ops.slack.webhook_url: ${credential:" + name + "}: the value begins or ends with a blank"
		switch {
		case name == "good" && err != nil:
			t.Errorf("want a line break at the end accepted, got %v", err)
		case name != "good" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: want a refusal at its place, got %v", name, err)
		}
	}
}

// TestCredentialsOfADirectory names files as systemd does for LoadCredential=squarewatch:DIRECTORY.
func TestCredentialsOfADirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "squarewatch_slack-webhook"), []byte(hushHook+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := func(name string) []byte {
		return []byte("target: https://api.aisquare.studio\ncatalogue: [reach]\n" +
			"notifiers: {ops: {slack: {webhook_url: \"${credential:" + name + "}\"}}}\n")
	}
	options := config.Options{Kinds: kinds(), CredentialsDirectory: dir}
	if _, err := config.Parse("f.yaml", file("slack-webhook"), options); err != nil {
		t.Error(err)
	}
	_, err := config.Parse("f.yaml", file("slack-webhok"), options)
	if err == nil || !strings.Contains(err.Error(), "${credential:slack-webhok}: there is no such file") {
		t.Errorf("want our own message about a missing credential, got %v", err)
	}
}

// TestAValueIsResolvedOnce has values that look like references, in mappings that are merged.
func TestAValueIsResolvedOnce(t *testing.T) {
	tricky := map[string]string{"KA": "first", "KB": "pa$$word", "KC": "pa${x}word", "KD": "${env:KA}"}
	cfg, err := config.Parse("f.yaml", []byte(`
target: https://api.aisquare.studio
probes:
  - &b {name: a, path: /, headers: &h {X-Key: "${env:KA}", X-Other: "${env:KB}"}}
  - {<<: *b, name: b, headers: {X-Key: "${env:KB}"}}
  - {<<: *b, name: c, headers: {<<: *h, X-Key: "${env:KC}"}}
  - {<<: [*b], name: d, headers: {<<: [*h], X-Key: "${env:KD}"}}
`), config.Options{Kinds: kinds(), Environ: func(name string) (string, bool) { v, ok := tricky[name]; return v, ok }})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"first pa$$word", "pa$$word ", "pa${x}word pa$$word", "${env:KA} pa$$word"}
	for i, p := range cfg.Probes {
		if got := p.Headers["X-Key"].Reveal() + " " + p.Headers["X-Other"].Reveal(); got != want[i] {
			t.Errorf("%s: want %q, got %q", p.Name, want[i], got)
		}
	}
}

// TestAReplacedValueIsNotRead has keys in both of two merged mappings. Only the value that counts is looked at.
func TestAReplacedValueIsNotRead(t *testing.T) {
	cfg, err := config.Parse("f.yaml", []byte(`
target: https://api.aisquare.studio
probes:
  - &b {name: a, path: /, headers: {Authorization: Bearer clear}}
  - {<<: *b, name: b, headers: {Authorization: Bearer other}}
`), config.Options{Kinds: kinds()})
	if err != nil {
		t.Fatal(err)
	}
	var places []int
	for _, w := range cfg.Warnings {
		if strings.Contains(w.Problem, "holds a secret in clear") {
			places = append(places, w.Line)
		}
	}
	if !slices.Equal(places, []int{4, 5}) {
		t.Errorf("want one warning for each value that counts, got them in the lines %v", places)
	}
}

// TestAQuotedMergeKeyIsAnOrdinaryKey has << in quotes, which merges nothing: https://yaml.org/type/merge.html.
func TestAQuotedMergeKeyIsAnOrdinaryKey(t *testing.T) {
	_, err := config.Parse("f.yaml", []byte(`
target: https://api.aisquare.studio
probes:
  - {name: a, path: /, "<<": {schedule: "@every 1m"}}
`), config.Options{Kinds: kinds()})
	if err == nil || !strings.Contains(err.Error(), `f.yaml:4:24: probes[0]: unknown key "<<"`) {
		t.Errorf("want it refused as an unknown key, got %v", err)
	}
}

// TestAUserWithoutPermissionIsToldToUseRoot reads the file and the secrets of the service as another user would.
func TestAUserWithoutPermissionIsToldToUseRoot(t *testing.T) {
	const want = "run the command as root, with sudo"
	if text := (&config.FileError{Path: "f.yaml", Err: syscall.EACCES}).Error(); !strings.Contains(text, want) {
		t.Errorf("want %q, got %q", want, text)
	}
	if os.Geteuid() == 0 {
		t.Skip("root may read every directory")
	}
	path := write(t, "target: https://api.aisquare.studio\ncredentials: {a: {api_key: \"${credential:key}\"}}\n")
	if err := os.Mkdir(filepath.Join(filepath.Dir(path), config.CredentialsName), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("want %q, got %v", want, err)
	}
}
