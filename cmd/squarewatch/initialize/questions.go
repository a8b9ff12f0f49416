package initialize

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
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
