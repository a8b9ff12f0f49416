package initialize

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Terminal asks a person.
type Terminal interface {
	// Line asks for a line, which is shown while it is typed.
	Line(ctx context.Context, question string) (string, error)
	// Secret asks for a line that is not shown.
	Secret(ctx context.Context, question string) (string, error)
}

// Ask asks for what the given answers do not have yet. given has the names of flags that were written. Secrets that are typed go into
// files in the directory.
func (a *Answers) Ask(ctx context.Context, t Terminal, given map[string]bool, directory string) error {
	texts := []struct {
		flag, question, standard string
		answer                   *string
	}{
		{"target", "Address of the API", DefaultTarget, &a.Target},
		{"studio", "Publication URL of your studio, or none", None, &a.Studio},
	}
	for _, q := range texts {
		if err := ask(ctx, t, given[q.flag], q.question, q.standard, q.answer); err != nil {
			return err
		}
	}
	if !given["api-key"] && !given["username"] {
		if err := askSecret(ctx, t, "API key", "aisquare-api-key", directory, &a.APIKey); err != nil {
			return err
		}
	}
	if !given["slack-webhook"] && !given["slack-bot-token"] {
		if err := askSecret(ctx, t, "Address of Slack's incoming webhook", "slack-webhook", directory, &a.SlackWebhook); err != nil {
			return err
		}
	}
	if err := ask(ctx, t, given["collector"], "Address of an OTLP collector, for example http://127.0.0.1:4317, or none", None,
		&a.Collector); err != nil {
		return err
	}
	return a.askDirectory(ctx, t, directory)
}

func ask(ctx context.Context, t Terminal, given bool, question, standard string, answer *string) error {
	if given {
		return nil
	}
	text, err := t.Line(ctx, fmt.Sprintf("%s [%s]: ", question, standard))
	if err != nil {
		return err
	}
	if *answer = strings.TrimSpace(text); *answer == "" {
		*answer = standard
	}
	return nil
}

// askSecret asks for a secret or a reference to one.
func askSecret(ctx context.Context, t Terminal, what, name, directory string, answer *Secret) error {
	text, err := t.Secret(ctx, what+", or env:NAME or file:/path, or none (not shown) [none]: ")
	if err != nil {
		return err
	}
	text = strings.TrimSpace(text)
	if parsed, err := ParseReference(text); err == nil {
		*answer = parsed
		return nil
	}
	*answer = typed(text, name, directory)
	if _, err := os.Lstat(answer.File); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already and is not overwritten: name it as file:%s, or remove it", answer.File, answer.File)
	}
	return nil
}

// askDirectory asks whether the directory of secrets may be made, when something was typed and there is none.
func (a *Answers) askDirectory(ctx context.Context, t Terminal, directory string) error {
	if len(a.typed()) == 0 {
		return nil
	}
	if info, err := os.Stat(directory); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is no directory: name another with --credentials-dir", directory)
		}
		return nil
	}
	yes, err := Confirm(ctx, t, fmt.Sprintf("Secrets go into files that only this user reads. Create the directory %s?", directory), true)
	if err == nil && !yes {
		return errors.New("nothing is written: name the secrets as env:NAME or file:/path, or name a directory with --credentials-dir")
	}
	return err
}

// Confirm asks a question with yes or no.
func Confirm(ctx context.Context, t Terminal, question string, standard bool) (bool, error) {
	choice := map[bool]string{true: "Y/n", false: "y/N"}[standard]
	for {
		text, err := t.Line(ctx, fmt.Sprintf("%s [%s]: ", question, choice))
		if err != nil {
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "":
			return standard, nil
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
	}
}

// typed returns the secrets that were typed.
func (a *Answers) typed() []*Secret {
	var all []*Secret
	for _, s := range a.secrets() {
		if s.File != "" {
			all = append(all, s)
		}
	}
	return all
}

// Save writes the secrets that were typed, with mode 0600 in a directory with mode 0700, and then the file. It overwrites nothing, and
// removes again what it wrote when it cannot write everything.
func (a *Answers) Save(path string) (err error) {
	var written []string
	defer func() {
		if err != nil {
			for _, path := range written {
				_ = os.Remove(path)
			}
		}
	}()
	for _, s := range a.typed() {
		if err := os.MkdirAll(filepath.Dir(s.File), 0o700); err != nil {
			return fmt.Errorf("create the directory of secrets: %w; run it as a user that may, or name another with --credentials-dir", err)
		}
		if err := create(s.File, s.Typed.Reveal()+"\n", 0o600); err != nil {
			return err
		}
		written = append(written, s.File)
	}
	return create(path, a.Text(), 0o644)
}

// create writes a new file.
func create(path, text string, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) //nolint:gosec // the person at the command line names the file
	if errors.Is(err, fs.ErrExist) {
		return AlreadyThere(path)
	}
	if err != nil {
		return fmt.Errorf("%w; write it as a user that may, or name another file with --config", err)
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(path))
	}
	return nil
}

// AlreadyThere is the error for a file that would be overwritten.
func AlreadyThere(path string) error {
	return fmt.Errorf("%s is there already and is not overwritten: remove it, or name another file with --config", path)
}
