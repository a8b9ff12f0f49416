//go:build e2e

package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"squarewatch/probe/aisquaretest"

	"github.com/creack/pty"
)

// shell is a real shell that has loaded the completion script.
type shell struct {
	t       *testing.T
	environ []string
}

// bash completes as readline does: it calls the function of the command and reads its answers.
func (s shell) bash(line string) string {
	const script = `. /usr/share/bash-completion/bash_completion
source <(squarewatch completion bash)
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
read -ra COMP_WORDS <<<"$1"
[[ $1 == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
$(complete -p squarewatch | sed -E 's/.*-F ([^ ]+) .*/\1/') squarewatch "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"`
	return s.run("bash", "--norc", "--noprofile", "-c", script, "bash", line)
}

// fish has a command that completes.
func (s shell) fish(line string) string {
	return s.run("fish", "--no-config", "-c", `squarewatch completion fish | source; complete -C "$argv[1]"`, line)
}

// zsh completes only at a terminal. The test types the line and Tab, and reads what the terminal shows.
func (s shell) zsh(line string) string {
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	directory := s.t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "_squarewatch"), []byte(s.run("squarewatch", "completion", "zsh")), 0o600); err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "zsh", "-f", "-i")
	cmd.Env = append(s.environ, "ZDOTDIR="+directory, "TERM=dumb")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 200, Cols: 200})
	if err != nil {
		s.t.Skipf("there is no terminal: %v", err)
	}
	out := &output{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buffer := make([]byte, 4096); ; {
			n, err := tty.Read(buffer)
			_, _ = out.Write(buffer[:n])
			if err != nil {
				return
			}
		}
	}()
	defer func() {
		cancel()
		_ = cmd.Wait()
		<-done
		_ = tty.Close()
	}()
	send := func(text, until string) {
		before := len(out.String())
		if _, err := tty.WriteString(text); err != nil {
			s.t.Fatal(err)
		}
		eventually(s.t, 20*time.Second, until+" after "+text, func() bool { return strings.Contains(out.String()[before:], until) })
	}
	send("PS1='> '; setopt interactivecomments; fpath=("+directory+" $fpath); autoload -Uz compinit; compinit -u -D; "+
		"zstyle ':completion:*' list-prompt ''; LISTMAX=1000; bindkey '^I' list-choices; print re''ady\n", "ready\r\n")
	before := len(out.String())
	send(line+"\t\x01print -r -- lis''ted #\n", "listed") // Ctrl-A: the line is not run, but printed as a comment
	return out.String()[before:]
}

func (s shell) run(name string, args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	if name == "squarewatch" {
		cmd.Path, cmd.Err = binary(s.t), nil
	}
	cmd.Env = s.environ
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// TestShellsCompleteEveryName completes commands, flags and names in real shells, beside a running daemon.
func TestShellsCompleteEveryName(t *testing.T) {
	api := aisquaretest.Start(aisquaretest.New(aisquaretest.Options{}))
	defer api.Close()
	file := filepath.Join(t.TempDir(), "squarewatch.yaml")
	text := "target: " + api.URL + "\ncatalogue: [reach]\nstate_dir: " + t.TempDir() + "\nlisten: 127.0.0.1:" + freePort(t) + `
probes: [{name: own-probe, path: /}]
rules: [{name: own-errors, on: [5xx]}]
notifiers: {own-channel: {slack: {webhook_url: "http://127.0.0.1:9/hook"}}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := shell{t: t, environ: append(os.Environ(), "SQUAREWATCH_CONFIG="+file,
		"PATH="+filepath.Dir(binary(t))+":"+os.Getenv("PATH"), "HOME="+t.TempDir())}
	start(t, exec.CommandContext(t.Context(), binary(t), "run", "--config", file))
	silence := ""
	eventually(t, 20*time.Second, "a silence", func() bool {
		cmd := exec.CommandContext(t.Context(), binary(t), "silence", "add", "--all", "--for", "1h", "--config", file)
		printed, _ := cmd.Output()
		if found := regexp.MustCompile(`Silence (\w+)`).FindSubmatch(printed); found != nil {
			silence = string(found[1])
		}
		return silence != ""
	})
	shells := map[string]func(string) string{"bash": s.bash, "zsh": s.zsh, "fish": s.fish}
	for name, complete := range shells {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(name); err != nil {
				t.Skipf("%s is not installed: deploy/e2e/setup.sh installs it", name)
			}
			for line, want := range map[string]string{
				"squarewatch ": "backtest", "squarewatch probe --": "--json", "squarewatch probe ": "own-probe",
				"squarewatch notify ": "own-channel", "squarewatch silence ": "remove", "squarewatch silence add --rule ": "own-errors",
				"squarewatch silence add --probe ": "own-probe", "squarewatch silence add --series ": "own-probe",
				"squarewatch silence remove ": silence, "squarewatch completion ": "powershell",
				"squarewatch run --log-format ": "json", "squarewatch rules --format ": "prometheus",
			} {
				if got := complete(line); !strings.Contains(got, want) {
					t.Errorf("%q: want %q among\n%s", line, want, got)
				}
			}
		})
	}
}
