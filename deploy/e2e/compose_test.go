//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// engine is a Podman with images, processes and a network of its own. It reaches no registry: what the images are based on is imported.
type engine struct {
	t      *testing.T
	leader int // the process whose namespaces the containers share
	env    []string
}

// newEngine starts a Podman that keeps everything in a directory of the test. A process without CAP_SYS_RESOURCE may set its limits.
// Control groups of version 2 that are mounted beside those of version 1 are hidden from it, because crun refuses the mixture.
func newEngine(t *testing.T) *engine {
	t.Helper()
	directory := t.TempDir()
	e := &engine{t: t, env: append(os.Environ(), "BUILDAH_FORMAT=docker")} // the form that knows health checks
	for variable, text := range map[string]string{
		"CONTAINERS_CONF": "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=4096:4096\"]\n" +
			"[engine]\ncgroup_manager = \"cgroupfs\"\nruntime = \"crun\"\n" +
			fmt.Sprintf("[network]\nnetwork_config_dir = %q\n", filepath.Join(directory, "networks")),
		"CONTAINERS_STORAGE_CONF": fmt.Sprintf("[storage]\ndriver = \"overlay\"\ngraphroot = %q\nrunroot = %q\n",
			filepath.Join(directory, "graph"), filepath.Join(directory, "run")),
		"CONTAINERS_REGISTRIES_CONF": "unqualified-search-registries = [\"docker.io\"]\n",
	} {
		path := filepath.Join(directory, variable)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e.env = append(e.env, variable+"="+path)
	}
	untilCleanup := context.WithoutCancel(t.Context()) // a cleanup removes the containers, after the context of the test has ended
	leader := exec.CommandContext(untilCleanup, "unshare", "--mount", "--net", "sh", "-c",
		"umount /sys/fs/cgroup/unified 2>/dev/null; ip link set lo up && echo ready && exec sleep infinity")
	out := start(t, leader)
	e.leader = leader.Process.Pid
	eventually(t, 10*time.Second, "the namespaces are there", func() bool { return strings.Contains(out.String(), "ready") })
	socket := filepath.Join(directory, "podman.sock")
	start(t, e.command(untilCleanup, "podman", "system", "service", "--time=0", "unix://"+socket))
	eventually(t, 10*time.Second, "Podman listens", func() bool {
		_, err := os.Stat(socket)
		return err == nil
	})
	e.env = append(e.env, "DOCKER_HOST=unix://"+socket)
	return e
}

// command is a program beside the containers.
func (e *engine) command(ctx context.Context, name string, arguments ...string) *exec.Cmd {
	enter := []string{"--target", strconv.Itoa(e.leader), "--mount", "--net", "--", name}
	cmd := exec.CommandContext(ctx, "nsenter", append(enter, arguments...)...)
	cmd.Env = e.env
	return cmd
}

// run runs a program beside the containers, and returns what it prints.
func (e *engine) run(name string, arguments ...string) string {
	e.t.Helper()
	out, err := e.command(e.t.Context(), name, arguments...).CombinedOutput()
	if err != nil {
		e.t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, out)
	}
	return string(out)
}

// compose runs Docker's Compose, which talks to Podman here, with the compose file of a copy of the repository.
func (e *engine) compose(repository string, arguments ...string) {
	e.t.Helper()
	e.run("docker-compose", append([]string{"-f", filepath.Join(repository, "deploy/container/compose.yaml")}, arguments...)...)
}

// importImage makes an image of a root directory and of files of this machine, which stand in the image where they stand here.
func (e *engine) importImage(name, root string, files []string, changes ...string) {
	e.t.Helper()
	tar := exec.CommandContext(e.t.Context(), "tar", "-c", "-C", root, ".")
	for _, file := range files {
		tar.Args = append(tar.Args, "-C", "/", strings.TrimPrefix(file, "/"))
	}
	load := e.command(e.t.Context(), "podman", "import", "--quiet")
	for _, change := range changes {
		load.Args = append(load.Args, "--change", change)
	}
	load.Args = append(load.Args, "-", name)
	archive, err := tar.StdoutPipe()
	if err != nil {
		e.t.Fatal(err)
	}
	load.Stdin = archive
	if err := tar.Start(); err != nil {
		e.t.Fatal(err)
	}
	out, err := load.CombinedOutput()
	if err := errors.Join(err, tar.Wait()); err != nil {
		e.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// client reaches the ports that the containers publish.
func (e *engine) client() *http.Client {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine, and its network with it
		namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", e.leader))
		if err != nil {
			return nil, err
		}
		defer func() { _ = namespace.Close() }()
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			return nil, err
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}}
}

// get asks for a page, and returns its text if the answer is 200.
func (e *engine) get(url string) string {
	req, err := http.NewRequestWithContext(e.t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		e.t.Fatal(err)
	}
	resp, err := e.client().Do(req)
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}

// copyOfTheRepository is what a person clones, with the modules beside it, so that its build asks nobody.
func copyOfTheRepository(t *testing.T) string {
	t.Helper()
	repository := t.TempDir()
	system(t, "git", "-C", "../..", "checkout-index", "--all", "--prefix="+repository+"/")
	vendor := exec.CommandContext(t.Context(), "go", "mod", "vendor")
	vendor.Dir = repository
	if out, err := vendor.CombinedOutput(); err != nil {
		t.Fatalf("go mod vendor: %v\n%s", err, out)
	}
	return repository
}

// TestTheComposeFileRuns does what docs/install.md says of containers, with Docker's Compose and Podman. Debian and the Go of this machine
// stand in for Go's official image. Jaeger's is its own program, built from its Go module, in the form of its Dockerfile
// (https://github.com/jaegertracing/jaeger/blob/main/cmd/jaeger/Dockerfile) with the configuration that it contains; the page is missing.
func TestTheComposeFileRuns(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mount namespaces take root")
	}
	e, repository := newEngine(t), copyOfTheRepository(t)
	goroot, err := filepath.EvalSymlinks(strings.TrimSpace(e.run("go", "env", "GOROOT")))
	if err != nil {
		t.Fatal(err)
	}
	e.importImage("docker.io/library/golang:1.26-bookworm", machineRoot(), []string{goroot},
		"ENV PATH="+goroot+"/bin:/usr/sbin:/usr/bin:/sbin:/bin", "ENV GOTOOLCHAIN=local")
	jaegerRoot := t.TempDir()
	system(t, "cp", "-a", machineRoot()+"/.", jaegerRoot)
	system(t, "install", "-D", jaegerBinary(t), filepath.Join(jaegerRoot, "cmd/jaeger/jaeger-linux"))
	e.importImage("docker.io/"+composeServices(t)["jaeger"].Image, jaegerRoot, nil,
		"ENV JAEGER_LISTEN_HOST=0.0.0.0", `ENTRYPOINT ["/cmd/jaeger/jaeger-linux"]`, "USER 10001", "VOLUME /tmp")

	t.Cleanup(func() {
		// Podman does not order them: the first call removes those that share the network of another one.
		const all = "podman rm --all --force >/dev/null 2>&1 || podman rm --all --force"
		remove := e.command(context.WithoutCancel(t.Context()), "sh", "-c", all)
		if out, err := remove.CombinedOutput(); err != nil {
			t.Errorf("podman rm: %v\n%s", err, out)
		}
	})
	e.compose(repository, "up", "--detach")
	e.isUp("demo")
	eventually(t, time.Minute, "the demo shows an incident", func() bool {
		return strings.Contains(e.run("podman", "logs", e.container("demo")), "FIRING")
	})
	eventually(t, time.Minute, "Jaeger has its traces", func() bool {
		return strings.Contains(e.get("http://127.0.0.1:16686/api/traces?service=squarewatch"), `"traceID"`)
	})
	e.run("podman", "stop", e.container("demo"))
	e.ownFile(repository)
}

// container is the identifier of a service's container.
func (e *engine) container(service string) string {
	e.t.Helper()
	return strings.TrimSpace(e.run("podman", "ps", "--quiet", "--filter", "label=com.docker.compose.service="+service))
}

// isUp waits until a service answers at the published port, is healthy by the image's own check, and runs without root.
func (e *engine) isUp(service string) {
	e.t.Helper()
	eventually(e.t, time.Minute, "the page of "+service+" is at the published port", func() bool {
		return strings.Contains(e.get("http://127.0.0.1:9477/"), "squarewatch")
	})
	eventually(e.t, time.Minute, service+" is healthy", func() bool {
		return e.command(e.t.Context(), "podman", "healthcheck", "run", e.container(service)).Run() == nil
	})
	if user := strings.Fields(e.run("podman", "top", e.container(service), "huser")); len(user) != 2 || user[1] != "65532" {
		e.t.Errorf("want one process of user 65532, got %q", user)
	}
}

// ownFile starts the daemon with a file of the person, and looks for its state in the volume.
func (e *engine) ownFile(repository string) {
	e.t.Helper()
	writeEtc(e.t, filepath.Join(repository, "deploy/container/etc"))
	e.compose(repository, "up", "--detach", "jaeger", "squarewatch")
	e.isUp("squarewatch")
	// docker-compose exec does the same, but prints nothing through the socket of Podman. The exit status is 1 once an alert fires.
	status, err := e.command(e.t.Context(), "podman", "exec", e.container("squarewatch"), "squarewatch", "status").CombinedOutput()
	if !strings.Contains(string(status), "Watching") {
		e.t.Errorf("want the status of the daemon, got %v\n%s", err, status)
	}
	state := strings.TrimSpace(e.run("podman", "volume", "inspect", "--format", "{{.Mountpoint}}", "container_state"))
	if _, err := os.Stat(filepath.Join(state, "squarewatch.db")); err != nil {
		e.t.Errorf("want the state in the volume: %v", err)
	}
}
