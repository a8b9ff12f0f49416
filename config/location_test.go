package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squarewatch/config"
)

// placed is a file with probes of several locations. A dependency, a rule and a maintenance name one of them.
const placed = `
target: https://api.aisquare.studio
credentials: {partner: {api_key: "${env:KEY}"}}
probes:
  - {name: feed, path: /feed, depends_on: [intranet]}
  - {name: intranet, path: /in, credential: partner, locations: ["eu-*", lab]}
  - {name: asia, path: /as, locations: [sin]}
rules:
  - {name: all, on: [unexpected]}
  - {name: inside, on: [unexpected], probes: [intranet], per: all, min_runs: 1}
maintenance:
  - {name: nightly, schedule: "0 2 * * *", duration: 1h, rules: [all], probes: [intranet]}
`

// parseAt reads a file on a host at a location.
func parseAt(text, where string) (*config.Config, error) {
	return config.Parse("squarewatch.yaml", []byte(text), config.Options{
		Kinds: kinds(), Environ: func(name string) (string, bool) {
			value, ok := map[string]string{config.LocationVariable: where, "KEY": "k-0123456789"}[name]
			return value, ok
		},
	})
}

func TestTheProbesOfALocation(t *testing.T) {
	const unset = "squarewatch.yaml:6:65: probes[1].locations: has no effect without SQUAREWATCH_LOCATION, so this host runs intranet, " +
		"asia; set it where squarewatch is started, for example SQUAREWATCH_LOCATION=frankfurt"
	for where, want := range map[string][2]string{ // the probes that run, and those that do not
		"eu-fra": {"feed intranet", "asia"}, "lab": {"feed intranet", "asia"}, "sin": {"feed asia", "intranet"},
		"us": {"feed", "intranet asia"}, "": {"feed intranet asia", ""},
	} {
		cfg, err := parseAt(placed, where)
		if err != nil {
			t.Errorf("%q: %v", where, err)
			continue
		}
		var names []string
		for i := range cfg.Probes {
			names = append(names, cfg.Probes[i].Name)
		}
		got := [2]string{strings.Join(names, " "), strings.Join(cfg.Elsewhere(), " ")}
		if diff := cmp.Diff(want, got); diff != "" || len(cfg.AllProbes) != 3 || cfg.Location != where {
			t.Errorf("%q: %d probes in all, here and elsewhere (-want +got):\n%s", where, len(cfg.AllProbes), diff)
		}
		warned := false
		for _, w := range cfg.Warnings {
			warned = warned || w.String() == unset
			if strings.Contains(w.Path, "credentials") || strings.Contains(w.Path, "rules") {
				t.Errorf("%q: want no warning about what is used elsewhere, got %v", where, w)
			}
		}
		if warned != (where == "") {
			t.Errorf("%q: want a warning only without a location, got %v", where, cfg.Warnings)
		}
	}
}

// TestAFileIsPrintedWithTheProbesOfAllLocations prints a file at one location and reads it at another.
func TestAFileIsPrintedWithTheProbesOfAllLocations(t *testing.T) {
	cfg, err := parseAt(placed, "us")
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	if err := config.Print(&printed, cfg); err != nil {
		t.Fatal(err)
	}
	if cfg, err = parseAt(printed.String(), "eu-fra"); err != nil || len(cfg.Probes) != 2 || len(cfg.AllProbes) != 3 {
		t.Errorf("want 2 of 3 probes, got %v and %v in\n%s", cfg, err, &printed)
	}
}

func TestRulesToTryMayNameProbesOfOtherLocations(t *testing.T) {
	cfg, err := parseAt(placed, "us")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte("rules: [{name: inside, on: [5xx], probes: [intranet]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tried, err := cfg.WithRules(file)
	if err != nil || len(tried.Probes) != 1 || len(tried.Rules) != 1 {
		t.Errorf("want one rule and the one probe that runs here, got %v and %v", tried, err)
	}
}

func TestTheFaultsOfALocationAreShownWithThoseOfTheFile(t *testing.T) {
	const name = "the environment: SQUAREWATCH_LOCATION: is \"New York\"; write small letters, digits and dashes, for example frankfurt"
	const only = "target: https://api.aisquare.studio\nprobes: [{name: a, path: /, locations: [fra, ams]}]\n"
	for _, test := range []struct{ text, where, want string }{
		{only, "New York", name},
		{strings.Replace(only, "/,", "x,", 1), "New York", name + "\n" +
			`squarewatch.yaml:2:26: probes[0].path: is "x"; write a path on the target that starts with one slash`},
		{only, "frankfort", "squarewatch.yaml:2:9: probes: none runs at frankfort, the location of this host; correct SQUAREWATCH_LOCATION, " +
			"or the locations of the probes"},
	} {
		_, err := parseAt(test.text, test.where)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s at %q:\nwant %s\ngot  %v", test.text, test.where, test.want, err)
		}
	}
}
