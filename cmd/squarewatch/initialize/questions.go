package initialize

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Terminal asks a person.
type Terminal interface {
	// Line asks for a line, which is shown while it is typed.
	Line(ctx context.Context, question string) (string, error)
	// Secret asks for a line that is not shown.
	Secret(ctx context.Context, question string) (string, error)
}

// Step is a part of the questions. It is tested when it is answered.
type Step string

// The steps, in the order in which they are asked.
const (
	StepTarget     Step = "target"
	StepCredential Step = "credential"
	StepNotifier   Step = "notifier"
	StepCollector  Step = "collector"
)

// Interview holds the terminal for the questions, and which answers are known already.
type Interview struct {
	Terminal  Terminal
	Given     map[string]bool // the flags on the command line: their questions are not asked
	Directory string          // of the secrets that are typed
	// Test tests the answers to a step and prints the outcome. It returns whether they work. Nil tests nothing.
	Test func(context.Context, Step) (works bool, err error)
}

// Ask asks for what the given answers do not have yet. Secrets that are typed go into files in the directory. A step that does not work can
// be answered again.
func (a *Answers) Ask(ctx context.Context, i Interview) error {
	parts := []part{
		{StepTarget, []string{"target", "studio"}, a.askTarget},
		{StepCredential, []string{"api-key", "username", "password"}, a.askCredential},
		{StepNotifier, []string{"slack-webhook", "slack-bot-token", "slack-channel"}, a.askNotifier},
		{StepCollector, []string{"collector", "trace-url"}, a.askCollector},
	}
	for _, p := range parts {
		if err := i.run(ctx, p); err != nil {
			return err
		}
	}
	return a.askDirectory(ctx, i.Terminal, i.Directory)
}

// part is a step with its questions.
type part struct {
	step  Step
	flags []string // that answer it
	ask   func(context.Context, *Interview) error
}

// run asks the questions of a part until the answers work, or until the person keeps them.
func (i *Interview) run(ctx context.Context, p part) error {
	for {
		if err := p.ask(ctx, i); err != nil {
			return err
		}
		again, err := i.failed(ctx, p.step)
		if err != nil || !again {
			return err
		}
		for _, flag := range p.flags {
			delete(i.Given, flag)
		}
	}
}

// failed tests the answers to a step. When they do not work, it asks whether to answer again.
func (i *Interview) failed(ctx context.Context, step Step) (again bool, err error) {
	if i.Test == nil {
		return false, nil
	}
	works, err := i.Test(ctx, step)
	if err != nil || works {
		return false, err
	}
	return Confirm(ctx, i.Terminal, "That does not work. Answer again?", true)
}

func (a *Answers) askTarget(ctx context.Context, i *Interview) error {
	if err := i.ask(ctx, "target", "Address of the API", DefaultTarget, &a.Target); err != nil {
		return err
	}
	return i.ask(ctx, "studio", "Publication URL of your studio, or none", None, &a.Studio)
}

func (a *Answers) askCredential(ctx context.Context, i *Interview) error {
	if i.Given["api-key"] || i.Given["username"] {
		return nil
	}
	a.APIKey, a.Username, a.Password = Secret{}, Secret{}, Secret{}
	kind, err := i.choose(ctx, "Credential of the probes: an API key (key), a user name and password (login), or none", "key", "login", None)
	switch {
	case err != nil:
		return err
	case kind == "key":
		return i.askSecret(ctx, "API key", "aisquare-api-key", &a.APIKey)
	case kind == "login":
		if err := i.askSecret(ctx, "User name", "aisquare-username", &a.Username); err != nil || a.Username.isNone() {
			return err
		}
		err := i.askSecret(ctx, "Password", "aisquare-password", &a.Password)
		if a.Password.isNone() { // a login needs both
			a.Username = Secret{}
		}
		return err
	}
	return nil
}

func (a *Answers) askNotifier(ctx context.Context, i *Interview) error {
	if i.Given["slack-webhook"] || i.Given["slack-bot-token"] {
		return nil
	}
	a.SlackWebhook, a.BotToken, a.Channel = Secret{}, Secret{}, ""
	kind, err := i.choose(ctx, "How does Slack get messages: by an incoming webhook (webhook), a bot (bot), or none", "webhook", "bot", None)
	switch {
	case err != nil:
		return err
	case kind == "webhook":
		return i.askSecret(ctx, "Address of the incoming webhook", "slack-webhook", &a.SlackWebhook)
	case kind == "bot":
		if err := i.askSecret(ctx, "Bot token, xoxb-…", "slack-bot-token", &a.BotToken); err != nil || a.BotToken.isNone() {
			return err
		}
		return i.ask(ctx, "slack-channel", "Channel of the bot", "#alerts", &a.Channel)
	}
	return nil
}

func (a *Answers) askCollector(ctx context.Context, i *Interview) error {
	const collector = "Address of an OTLP collector, for example http://127.0.0.1:4317, or none"
	if err := i.ask(ctx, "collector", collector, None, &a.Collector); err != nil || isNone(a.Collector) {
		return err
	}
	const page = "Address of a trace in its pages, for example http://127.0.0.1:16686/trace/{trace_id}, or none"
	return i.ask(ctx, "trace-url", page, None, &a.TraceURL)
}

// ask asks for a text, unless its flag was written.
func (i *Interview) ask(ctx context.Context, flag, question, standard string, answer *string) error {
	if i.Given[flag] {
		return nil
	}
	text, err := i.Terminal.Line(ctx, fmt.Sprintf("%s [%s]: ", question, standard))
	if err != nil {
		return err
	}
	if *answer = strings.TrimSpace(text); *answer == "" {
		*answer = standard
	}
	return nil
}

// choose asks for one of the words until the answer is one of them. An empty answer means the first word.
func (i *Interview) choose(ctx context.Context, question string, words ...string) (string, error) {
	for {
		text, err := i.Terminal.Line(ctx, fmt.Sprintf("%s [%s]: ", question, words[0]))
		if err != nil {
			return "", err
		}
		text = strings.ToLower(strings.TrimSpace(text))
		if text == "" {
			return words[0], nil
		}
		if slices.Contains(words, text) {
			return text, nil
		}
	}
}

// askSecret asks for a secret or a reference to one.
func (i *Interview) askSecret(ctx context.Context, what, name string, answer *Secret) error {
	text, err := i.Terminal.Secret(ctx, what+", or env:NAME or file:/path, or none (not shown) [none]: ")
	if err != nil {
		return err
	}
	text = strings.TrimSpace(text)
	if parsed, err := ParseReference(text); err == nil {
		*answer = parsed
		return nil
	}
	*answer = typed(text, name, i.Directory)
	if _, err := os.Lstat(answer.File); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already and is not overwritten: name it as file:%s, or remove it", answer.File, answer.File)
	}
	return nil
}

// askDirectory asks whether the directory of secrets may be made, if a secret was typed and the directory does not exist.
func (a *Answers) askDirectory(ctx context.Context, t Terminal, directory string) error {
	if len(a.typed()) == 0 {
		return nil
	}
	if info, err := os.Stat(directory); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is not a directory: name another with --credentials-dir", directory)
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
