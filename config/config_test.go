package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"squarewatch/alert/alertmanager"
	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/config"
	"squarewatch/config/golden"
	"squarewatch/config/secret"
	"squarewatch/probe"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// What must never be seen.
const (
	hush     = "hush-hush"
	hushHook = "https://hooks.example.org/services/hush-hook"
)

// kinds are those that the program has.
func kinds() config.Kinds {
	return config.Kinds{
		Credentials: []config.Kind[probe.Credential]{
			config.NewKind("api_key", probe.APIKeySettings{}, func(s probe.APIKeySettings, _ *config.Config) (probe.Credential,
				error,
			) {
				return probe.NewAPIKey(s)
			}),
			config.NewKind("login", probe.LoginSettings{}, func(s probe.LoginSettings, _ *config.Config) (probe.Credential,
				error,
			) {
				return probe.NewLogin(s)
			}),
		},
		Notifiers: []config.Kind[outbox.Notifier]{
			config.NewKind("slack", slack.Settings{}, func(s slack.Settings, _ *config.Config) (outbox.Notifier, error) {
				return slack.New(s, slack.Options{}), nil
			}),
			config.NewKind("alertmanager", alertmanager.Settings{}, func(s alertmanager.Settings, _ *config.Config) (outbox.Notifier, error) {
				return alertmanager.New(s, alertmanager.Options{}), nil
			}),
		},
	}
}

func environ(name string) (string, bool) {
	value, ok := map[string]string{"KEY": hush, "HOOK": hushHook, "HOST": "secret.example.org"}[name]
	return value, ok
}

// credentials makes a directory as systemd does.
func credentials(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, value := range map[string]string{"aisquare-api-key": hush + "\n", "slack-webhook": hushHook + "\n", "password": hush} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestEveryMistakeHasItsMessage reads one mistake per file. The file itself holds the expected messages, after "# want: ".
func TestEveryMistakeHasItsMessage(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 50 {
		t.Fatalf("want a corpus, got %d files and %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			body, want := unwanted(string(text))
			_, err = config.Parse("testdata/squarewatch.yaml", []byte(body), config.Options{Kinds: kinds(), Environ: environ})
			if err == nil {
				t.Fatal("want an error, got none")
			}
			if _, ok := errors.AsType[config.Errors](err); !ok {
				t.Errorf("want config.Errors, got %T", err)
			}
			got := strings.ReplaceAll(err.Error(), "testdata/squarewatch.yaml", "squarewatch.yaml")
			if *update {
				lines := "# want: " + strings.ReplaceAll(got, "\n", "\n# want: ") + "\n"
				if err := os.WriteFile(file, []byte(body+lines), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
			if strings.Contains(got, hush) || strings.Contains(got, "secret.example.org") {
				t.Errorf("a secret is in the message: %s", got)
			}
		})
	}
}

// unwanted splits a file of the corpus into what is read and the messages. The messages stand last, so that they do not
// change the line numbers.
func unwanted(text string) (body, want string) {
	var lines []string
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if message, ok := strings.CutPrefix(line, "# want: "); ok {
			lines = append(lines, strings.TrimSuffix(message, "\n"))
			continue
		}
		kept.WriteString(line)
	}
	return kept.String(), strings.Join(lines, "\n")
}

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("testdata/squarewatch.yaml", []byte(text), config.Options{
		Kinds: kinds(), Environ: environ, CredentialsDirectory: credentials(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func printed(t *testing.T, cfg *config.Config) string {
	t.Helper()
	var text bytes.Buffer
	if err := config.Print(&text, cfg); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestGoodFilesAndWhatTheyMean(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no good files")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cfg := parse(t, string(text))
			var got strings.Builder
			got.WriteString(printed(t, cfg))
			for _, w := range cfg.Warnings {
				got.WriteString("# warning: " + strings.ReplaceAll(w.String(), "testdata/", "") + "\n")
			}
			for _, l := range cfg.Skipped {
				got.WriteString("# left out: " + l.Name + ": " + l.Reason + "\n")
			}
			golden.Check(t, strings.TrimSuffix(file, ".yaml")+".golden", got.String(), *update)
			if strings.Contains(got.String(), "hush") || strings.Contains(got.String(), "clear\n") {
				t.Errorf("a secret is printed:\n%s", got.String())
			}
		})
	}
}

func TestPrintedConfigurationLoadsAgain(t *testing.T) {
	for _, name := range []string{"smallest", "no-rules"} {
		text, err := os.ReadFile("testdata/good/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		once := printed(t, parse(t, string(text)))
		twice := printed(t, parse(t, once))
		if diff := cmp.Diff(once, twice); diff != "" {
			t.Errorf("%s (-once +twice):\n%s", name, diff)
		}
	}
}

func TestSecretsReachWhereTheyBelong(t *testing.T) {
	cfg := parse(t, `
target: https://api.aisquare.studio
probes:
  - {name: a, path: /, body: "k=${env:KEY}&c=$$5", headers: {X-Key: "Token ${env:KEY}", X-File: "${credential:aisquare-api-key}"}}
`)
	if got := cfg.Probes[0].Body.Reveal(); got != "k="+hush+"&c=$5" {
		t.Errorf("body: got %q", got)
	}
	if got := cfg.Probes[0].Headers["X-File"].Reveal(); got != hush { // the line break at the end of the file is not part of it
		t.Errorf("header from a file: got %q", got)
	}
	if got := cfg.Probes[0].Headers["X-Key"].Reveal(); got != "Token "+hush {
		t.Errorf("header: got %q", got)
	}
}

// holder has a secret where fmt calls no methods.
type holder struct {
	inner struct{ text secret.Text }
	list  []secret.Text
}

func TestASecretPrintsNowhere(t *testing.T) {
	text := secret.New("a ${env:KEY}")
	if _, err := text.Resolve(func(secret.Reference) (string, error) { return hush, nil }); err != nil || text.Referenced()[0] != hush {
		t.Fatalf("want the value for the masks, got %v", err)
	}
	h := holder{list: []secret.Text{text}}
	h.inner.text = text
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("x", "text", text, "holder", h, "pointer", &h)
	}
	asJSON, err := json.Marshal(map[string]any{"text": text})
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Dump(map[string]any{"text": text})
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{
		"fmt":  fmt.Sprintf("%v %+v %#v %s %q %x %v %+v %#v %v %+v", text, text, text, text, text, text, h, h, h, &h, &h),
		"slog": log.String(), "json": string(asJSON), "yaml": string(asYAML),
		"error": fmt.Errorf("wrapped: %v", text).Error(),
	} {
		if strings.Contains(got, hush) || strings.Contains(got, fmt.Sprintf("%x", hush)) {
			t.Errorf("%s shows the secret: %s", name, got)
		}
	}
}

func TestErrorForAMissingFile(t *testing.T) {
	_, err := config.Load(t.Context(), filepath.Join(t.TempDir(), "none.yaml"), config.Options{})
	if err == nil || !strings.Contains(err.Error(), "write one, or name another with --config") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg, err := config.Parse("f.yaml", text, config.Options{Kinds: kinds(), Environ: environ})
		if err != nil {
			if strings.Contains(err.Error(), hush) {
				t.Errorf("a secret is in %v", err)
			}
			return
		}
		if strings.Contains(printed(t, cfg), hush) {
			t.Error("a secret is printed")
		}
	})
}

func FuzzResolve(f *testing.F) {
	for _, seed := range []string{"${env:KEY}", "$$", "${env:KEY", "a${file:/x}b", "$${env:KEY}", "${}", "${env:}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		text := secret.New(raw)
		_, err := text.Resolve(func(r secret.Reference) (string, error) {
			value, ok := environ(r.Name)
			if !ok {
				return "", errors.New("no such reference")
			}
			return value, nil
		})
		if err != nil && (strings.Contains(err.Error(), hush) || text.Reveal() != raw) {
			t.Errorf("after an error the text must stay: %v", err)
		}
		if shown := fmt.Sprintf("%v%+v%#v", text, text, text); strings.Contains(shown, hush) {
			t.Errorf("%q shows the secret: %s", raw, shown)
		}
	})
}

// TestDependenciesMayFork checks that the check visits each probe once: here there are 2^60 paths.
func TestDependenciesMayFork(t *testing.T) {
	var file strings.Builder
	file.WriteString("target: https://api.aisquare.studio\nprobes:\n  - {name: a0, path: /}\n  - {name: b0, path: /}\n")
	for i := range 60 {
		fmt.Fprintf(&file, "  - {name: a%d, path: /, depends_on: [a%d, b%d]}\n  - {name: b%d, path: /, depends_on: [a%d, b%d]}\n", i+1, i, i, i+1,
			i, i)
	}
	if cfg := parse(t, file.String()); len(cfg.Probes) != 122 {
		t.Errorf("want 122 probes, got %d", len(cfg.Probes))
	}
}
