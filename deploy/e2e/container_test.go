//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// image is what deploy/container/Containerfile describes, without the tools that build images: its root file system in a directory, and how
// its processes run.
type image struct {
	t          *testing.T
	root       string
	user       string
	env        []string
	entrypoint []string
	cmd        []string
	health     []string
}

// buildImage does what each line of the Containerfile says, as https://docs.docker.com/reference/dockerfile/ has it.
func buildImage(t *testing.T) *image {
	t.Helper()
	text, err := os.ReadFile("../container/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	i, built := &image{t: t, env: []string{}}, t.TempDir()
	for line := range strings.Lines(string(text)) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		fields := strings.Fields(rest)
		switch instruction {
		case "", "#", "WORKDIR", "EXPOSE", "VOLUME":
		case "FROM": // each stage begins with an empty directory; the first has what make build needs, as this machine has
			i.root = t.TempDir()
		case "RUN":
			script, directory, _ := strings.Cut(rest, " ")
			system(t, filepath.Join("../..", script), built+directory)
		case "COPY":
			i.copy(built, fields)
		case "USER":
			i.user = rest
		case "ENV":
			i.env = append(i.env, rest)
		case "HEALTHCHECK":
			_, command, _ := strings.Cut(rest, " CMD ")
			i.health = i.list(command)
		case "ENTRYPOINT":
			i.entrypoint = i.list(rest)
		case "CMD":
			i.cmd = i.list(rest)
		default:
			t.Fatalf("this test does not know %q", line)
		}
	}
	return i
}

// copy copies what an earlier stage built. Copies belong to root, or to the user of --chown. The sources of the first stage stay here.
func (i *image) copy(built string, fields []string) {
	i.t.Helper()
	owner := "0:0"
	for _, flag := range fields {
		if chown, found := strings.CutPrefix(flag, "--chown="); found {
			owner = chown
		}
	}
	fields = slices.DeleteFunc(fields, func(f string) bool { return strings.HasPrefix(f, "--") })
	if len(fields) != 2 || fields[0] == "." {
		return
	}
	copied := i.t.TempDir()
	system(i.t, "cp", "-a", filepath.Join(built, fields[0])+"/.", copied)
	system(i.t, "chown", "-R", owner, copied)
	system(i.t, "cp", "-a", copied+"/.", filepath.Join(i.root, fields[1]))
}

// list reads the JSON form of a command.
func (i *image) list(text string) []string {
	i.t.Helper()
	var words []string
	if err := json.Unmarshal([]byte(text), &words); err != nil {
		i.t.Fatalf("%s: %v", text, err)
	}
	return words
}

// start starts a container in a network of its own, and returns the process and what it prints.
func (i *image) start(arguments []string) (*exec.Cmd, *output) {
	i.t.Helper()
	up := append([]string{"--net", "sh", "-c", `ip link set lo up && exec chroot --userspec="$0" "$@"`, i.user, i.root}, i.entrypoint...)
	cmd := exec.CommandContext(i.t.Context(), "unshare", append(up, arguments...)...)
	cmd.Env = i.env
	return cmd, start(i.t, cmd)
}

// healthy runs the health check of the image in a container.
func (i *image) healthy(container *exec.Cmd) error {
	chroot, err := exec.LookPath("chroot")
	if err != nil {
		return err
	}
	enter := []string{"--net", "--target", strconv.Itoa(container.Process.Pid), chroot, "--userspec=" + i.user, i.root}
	cmd := exec.CommandContext(i.t.Context(), "nsenter", append(enter, i.health...)...)
	cmd.Env = i.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// isHealthy waits until the health check succeeds, and looks at the user of the process.
func (i *image) isHealthy(container *exec.Cmd) {
	i.t.Helper()
	var fault error
	defer func() { i.t.Log("the last health check: ", fault) }()
	eventually(i.t, 30*time.Second, "the container is healthy", func() bool {
		fault = i.healthy(container)
		return fault == nil
	})
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", container.Process.Pid))
	if uid, _, _ := strings.Cut(i.user, ":"); err != nil || !regexp.MustCompile(`\nUid:\s+`+uid+`\s`).Match(status) {
		i.t.Errorf("want a process of user %s, got %v\n%s", uid, err, status)
	}
}

// TestTheContainer runs what the Containerfile and the compose file start: the demo, and the daemon with a file of its own.
func TestTheContainer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a root directory takes root")
	}
	i := buildImage(t)
	demo, out := i.start(i.cmd)
	i.isHealthy(demo)
	eventually(t, 2*time.Minute, "the demo shows an incident", func() bool { return strings.Contains(out.String(), "FIRING") })
	if _, err := stop(t, demo); err != nil {
		t.Error(err)
	}

	writeEtc(t, filepath.Join(i.root, "etc/squarewatch"))
	daemon, _ := i.start(composeServices(t)["squarewatch"].Command)
	i.isHealthy(daemon)
	if _, err := os.Stat(filepath.Join(i.root, "var/lib/squarewatch/squarewatch.db")); err != nil {
		t.Errorf("want the state in the volume: %v", err)
	}
	if _, err := stop(t, daemon); err != nil {
		t.Error(err)
	}
}

// writeEtc writes the file and the secret of a person whose API is not there.
func writeEtc(t *testing.T, etc string) {
	t.Helper()
	for path, text := range map[string]string{
		"squarewatch.yaml": "target: http://127.0.0.1:1\ncredentials: {partner: {api_key: \"${credential:key}\"}}\n" +
			"catalogue: [reach]\nlisten: 0.0.0.0:9477\n",
		"credentials/key": "aisq-key\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(etc, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(etc, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// composeService is what this test reads of a service.
type composeService struct {
	Image   string   `yaml:"image"`
	Network string   `yaml:"network_mode"`
	Command []string `yaml:"command"`
	Ports   []string `yaml:"ports"`
	Volumes []string `yaml:"volumes"`
	Build   struct {
		Context    string `yaml:"context"`
		Dockerfile string `yaml:"dockerfile"`
	} `yaml:"build"`
}

func composeServices(t *testing.T) map[string]composeService {
	t.Helper()
	text, err := os.ReadFile("../container/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]composeService `yaml:"services"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Services
}

// TestTheComposeFileNamesWhatIsThere holds the compose file against the Containerfile and the repository.
func TestTheComposeFileNamesWhatIsThere(t *testing.T) {
	services := composeServices(t)
	if jaeger := services["jaeger"]; !strings.HasPrefix(jaeger.Image, "jaegertracing/jaeger:2.") || len(jaeger.Ports) != 2 {
		t.Errorf("want a Jaeger with its page and the port of squarewatch, got %+v", jaeger)
	}
	for _, name := range []string{"demo", "squarewatch"} {
		s := services[name]
		if _, err := os.Stat(filepath.Join("../container", s.Build.Context, s.Build.Dockerfile)); err != nil || s.Network != "service:jaeger" {
			t.Errorf("%s: want the Containerfile and Jaeger's network, got %+v, %v", name, s, err)
		}
	}
	if got := services["squarewatch"].Volumes; !slices.Contains(got, "state:/var/lib/squarewatch") {
		t.Errorf("want the state kept in a volume, got %q", got)
	}
}
