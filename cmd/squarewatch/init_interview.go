package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"squarewatch/cmd/squarewatch/initialize"
	"squarewatch/config"
)

// initialization makes a first configuration file: it asks, and tests what was answered.
type initialization struct {
	file      *configFile
	flags     *initFlags
	directory string              // of the secrets
	person    initialize.Terminal // nil when there is no person to ask
}

// interview asks for everything, and tests each step.
func (i *initialization) interview(ctx context.Context) error {
	questions := initialize.Interview{Terminal: i.person, Given: i.flags.given, Directory: i.directory}
	if !i.flags.skipTests {
		questions.Test = i.test
	}
	if err := i.flags.answers.Ask(ctx, questions); err != nil {
		return err
	}
	cfg, err := i.draft()
	if err != nil || i.flags.skipTests {
		return err
	}
	send := i.flags.sendTest
	if !send && len(cfg.Notifiers) > 0 {
		if send, err = initialize.Confirm(ctx, i.person, "Send a test message to Slack?", false); err != nil {
			return err
		}
	}
	if !send {
		return nil
	}
	if failed := i.sendTest(ctx, cfg); failed == nil || ctx.Err() != nil {
		return failed
	}
	anyway, err := initialize.Confirm(ctx, i.person, "Slack did not accept the message. Write the file nevertheless?", false)
	if err == nil && !anyway {
		err = errors.New("nothing is written")
	}
	return err
}

// test tests the answers to one step.
func (i *initialization) test(ctx context.Context, step initialize.Step) (works bool, err error) {
	if step == initialize.StepCollector {
		i.flags.answers.SettleProtocol(func() bool { return i.collectorWorks(ctx) })
	}
	cfg, err := i.draft()
	if err != nil {
		i.file.process.printError(err)
		return false, nil // the person may answer again
	}
	kinds := map[initialize.Step][]string{
		initialize.StepTarget: {liveTarget}, initialize.StepCredential: {liveCredential},
		initialize.StepNotifier: {liveNotifier}, initialize.StepCollector: {liveCollector, liveSpool},
	}
	err = printLive(i.file.process.display(), withAdvice(checkLive(ctx, cfg, kinds[step]...)))
	if err != nil && !errors.Is(err, errPrinted) {
		return false, err
	}
	return err == nil, context.Cause(ctx)
}

// collectorWorks reports whether the collector accepts the protocol of the answers.
func (i *initialization) collectorWorks(ctx context.Context) bool {
	cfg, err := i.draft()
	return err == nil && !anyFailed(checkLive(ctx, cfg, liveCollector))
}

// testAll tests the answers of the command line.
func (i *initialization) testAll(ctx context.Context) error {
	if !i.flags.skipTests {
		i.flags.answers.SettleProtocol(func() bool { return i.collectorWorks(ctx) })
	}
	cfg, err := i.draft()
	if err != nil || i.flags.skipTests {
		return err
	}
	failed := printLive(i.file.process.display(), withAdvice(checkLive(ctx, cfg)))
	if failed == nil && i.flags.sendTest {
		failed = i.sendTest(ctx, cfg)
	}
	if failed == nil || ctx.Err() != nil {
		return failed
	}
	return errors.New("nothing is written: correct what failed, or write --skip-tests")
}

// draft reads the answers as a configuration from which a daemon could be built.
func (i *initialization) draft() (*config.Config, error) {
	draft, environ := i.flags.answers.Draft(i.file.process.env)
	cfg, err := config.Parse(i.file.path(), []byte(draft.Text()), config.Options{
		Kinds: kinds(), Environ: environ, CredentialsDirectory: i.file.credentialsDirectory(i.directory),
	})
	if err != nil {
		return nil, fmt.Errorf("the answers make no valid file, and nothing is written:\n%w", err)
	}
	return cfg, buildable(cfg)
}

// sendTest sends a test message through every notifier.
func (i *initialization) sendTest(ctx context.Context, cfg *config.Config) error {
	for _, name := range sortedKeys(cfg.Notifiers) {
		if err := notifyOnce(ctx, i.file.process.stdout, cfg, name); err != nil {
			i.file.process.printError(err)
			return errPrinted
		}
	}
	return nil
}

// withAdvice adds to each failed check what a person must do.
func withAdvice(all []liveCheck) []liveCheck {
	advice := map[string]string{
		liveTarget:     "correct --target, or let this machine reach it (name server, firewall, HTTPS_PROXY)",
		liveCredential: "check that the secret is correct, still valid and of this API",
		liveCollector:  "start the collector, or correct --collector: port 4317 usually speaks grpc, and 4318 http/protobuf",
		liveSpool:      "make room on the disk, or write the file somewhere else",
		liveNotifier:   "let this machine reach Slack, or correct the address",
	}
	for i, c := range all {
		kind, _, _ := strings.Cut(c.What, " ")
		if c.Works != nil && !*c.Works && !strings.Contains(c.Says, "; to do: ") {
			all[i].Says += "; to do: " + advice[kind]
		}
	}
	return all
}
