package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"squarewatch/cmd/squarewatch/initialize"
	"squarewatch/config"
)

// initFlags are the answers on the command line. A secret is given as a reference only.
type initFlags struct {
	answers        initialize.Answers
	credentialsDir string
	sendTest       bool
	skipTests      bool
	given          map[string]bool // the flags on the command line
}

func newInitCommand(file *configFile) *cobra.Command {
	flags, references := &initFlags{given: map[string]bool{}}, map[string]*string{}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a first configuration file, after questions and tests",
		Long: "Ask for the settings of the API, the credential, Slack and the collector. Test each answer. Write a configuration file with\n" +
			"comments. A flag answers a question; without a terminal, flags must give the studio, the credential and Slack. An existing file\n" +
			"is never overwritten. The tests change nothing and post nothing, except with --send-test. Give a secret as env:NAME,\n" +
			"file:/path or credential:NAME (the file NAME in --credentials-dir). init stores a typed secret in that directory, never in the\n" +
			"configuration. It also writes the schema of the configuration beside it, for editors.",
		Example: "  squarewatch init --config ./squarewatch.yaml\n" +
			"  squarewatch init --studio my-studio --api-key credential:aisquare-api-key --slack-webhook env:SLACK_WEBHOOK",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.read(cmd, references); err != nil {
				return usageError{err}
			}
			return initializeFile(cmd, file, flags)
		},
	}
	set := cmd.Flags()
	set.StringVar(&flags.answers.Target, "target", initialize.DefaultTarget, "`address` of the API")
	set.StringVar(&flags.answers.Studio, "studio", "", "publication `URL` of your studio, or none")
	for name, usage := range map[string]string{
		"api-key":         "`reference` to the API key, or none",
		"username":        "`reference` to the name of a login, in place of --api-key",
		"password":        "`reference` to the password of the login",
		"slack-webhook":   "`reference` to the address of an incoming webhook, or none",
		"slack-bot-token": "`reference` to a bot token, in place of --slack-webhook",
	} {
		references[name] = set.String(name, "", usage)
	}
	set.StringVar(&flags.answers.Channel, "slack-channel", "", "`channel` of the bot")
	set.StringVar(&flags.answers.Collector, "collector", "", "`address` of an OTLP collector, or none")
	set.StringVar(&flags.answers.TraceURL, "trace-url", "", "`address` of a trace in the collector's pages, with {trace_id}, or none")
	set.StringVar(&flags.credentialsDir, "credentials-dir", "", "`directory` of secrets (default: credentials, beside the file)")
	set.BoolVar(&flags.sendTest, "send-test", false, "send a test message to Slack")
	set.BoolVar(&flags.skipTests, "skip-tests", false, "write the file without testing the answers")
	return cmd
}

// read parses the references, and records which flags were given.
func (f *initFlags) read(cmd *cobra.Command, references map[string]*string) error {
	a := &f.answers
	places := map[string]*initialize.Secret{
		"api-key": &a.APIKey, "username": &a.Username, "password": &a.Password,
		"slack-webhook": &a.SlackWebhook, "slack-bot-token": &a.BotToken,
	}
	var faults []error
	for _, name := range sortedKeys(places) {
		var err error
		if *places[name], err = initialize.ParseReference(*references[name]); err != nil {
			faults = append(faults, fmt.Errorf("--%s: %w", name, err))
		}
	}
	for _, name := range append(sortedKeys(places), "target", "studio", "slack-channel", "collector", "trace-url") {
		f.given[name] = cmd.Flags().Changed(name)
	}
	for _, pair := range [][2]string{{"username", "password"}, {"slack-bot-token", "slack-channel"}} {
		if f.given[pair[0]] != f.given[pair[1]] {
			faults = append(faults, fmt.Errorf("give both --%s and --%s, or neither", pair[0], pair[1]))
		}
	}
	if f.given["trace-url"] && !f.given["collector"] {
		faults = append(faults, errors.New("--trace-url needs --collector"))
	}
	for _, pair := range [][2]string{{"api-key", "username"}, {"slack-webhook", "slack-bot-token"}} {
		if f.given[pair[0]] && f.given[pair[1]] {
			faults = append(faults, fmt.Errorf("--%s and --%s exclude each other: give one", pair[0], pair[1]))
		}
	}
	return errors.Join(faults...)
}

// missing returns the flags that are needed when there is no person to ask.
func (f *initFlags) missing() []string {
	var missing []string
	for _, need := range []struct{ flag, other, usage string }{
		{"studio", "", "--studio (the value none skips it)"},
		{"api-key", "username", "--api-key (the value none skips it; or --username and --password)"},
		{"slack-webhook", "slack-bot-token", "--slack-webhook (the value none skips it; or --slack-bot-token and --slack-channel)"},
	} {
		if !f.given[need.flag] && !f.given[need.other] {
			missing = append(missing, need.usage)
		}
	}
	return missing
}

// initializeFile asks, tests and writes.
func initializeFile(cmd *cobra.Command, file *configFile, flags *initFlags) error {
	path, err := filepath.Abs(file.path())
	if err != nil {
		return fmt.Errorf("find the configuration file: %w", err)
	}
	if _, err := os.Lstat(path); err == nil {
		return initialize.AlreadyThere(path)
	}
	directory := flags.credentialsDir
	if directory == "" {
		directory = filepath.Join(filepath.Dir(path), config.CredentialsName)
	}
	if directory, err = filepath.Abs(directory); err != nil {
		return fmt.Errorf("find the directory of secrets: %w", err)
	}
	if path != defaultConfigPath {
		flags.answers.StateDir = filepath.Join(filepath.Dir(path), "squarewatch-state")
	}
	b := &initialization{file: file, flags: flags, directory: directory}
	if in, ok := cmd.InOrStdin().(*os.File); ok && initialize.IsTerminal(in) {
		b.person = initialize.TTY{In: in, Out: cmd.ErrOrStderr()}
		err = b.interview(cmd.Context())
	} else if missing := flags.missing(); len(missing) > 0 {
		return usageError{errors.New("there is no terminal to ask at: write " + strings.Join(missing, ", "))}
	} else {
		err = b.testAll(cmd.Context())
	}
	if err != nil {
		return err
	}
	if err := flags.answers.Save(path); err != nil {
		return err
	}
	if err := saveSchema(filepath.Dir(path)); err != nil {
		return err
	}
	return file.process.display().write(nextSteps(path, file.credentialsDirectory(directory), &flags.answers))
}

// saveSchema writes the schema of the file beside it, for editors. An existing schema is replaced, because it may be of another version.
func saveSchema(directory string) error {
	schema, err := config.Schema(kinds())
	if err != nil {
		return err
	}
	path := filepath.Join(directory, initialize.SchemaFile)
	if err := renameio.WriteFile(path, schema, 0o644); err != nil {
		return fmt.Errorf("write the schema for editors: %w; squarewatch check --schema prints it", err)
	}
	return nil
}

// credentialsDirectory returns the directory of ${credential:NAME}: that of the environment, or else the given one.
func (f *configFile) credentialsDirectory(directory string) string {
	if set, ok := f.process.env("CREDENTIALS_DIRECTORY"); ok && set != "" {
		return set
	}
	return directory
}

// nextSteps says what to do with a new file.
func nextSteps(path, directory string, answers *initialize.Answers) string {
	prefix := ""
	elsewhere := directory != filepath.Join(filepath.Dir(path), config.CredentialsName)
	if elsewhere && strings.Contains(answers.Text(), `"${credential:`) {
		prefix = "CREDENTIALS_DIRECTORY=" + directory + " "
	}
	command := func(name string) string { return "  " + prefix + "squarewatch " + name + " --config " + path + "\n" }
	text := "Wrote " + path + ". What to do next:\n" + command("check") + command("probe") + command("run")
	if path == defaultConfigPath {
		return text + "As a service, instead of run:\n  systemctl enable --now squarewatch\n"
	}
	return text + "As a service:\n  1. Copy the file to " + defaultConfigPath + ".\n  2. Copy the secrets to " + initialize.SystemdDirectory +
		", and refer to them as ${credential:NAME} in the copied file.\n  3. Remove state_dir from the copy.\n" +
		"  4. systemctl enable --now squarewatch\n"
}
