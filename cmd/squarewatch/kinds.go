package main

import (
	"errors"
	"fmt"
	"reflect"

	"squarewatch/alert/alertmanager"
	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/config"
	"squarewatch/probe"
)

// kinds lists the kinds that a configuration file may name, one line for each.
func kinds() config.Kinds {
	return config.Kinds{
		Credentials: []config.Kind[probe.Credential]{
			config.NewKind("api_key", probe.APIKeySettings{}, newAPIKey),
			config.NewKind("login", probe.LoginSettings{}, newLogin),
		},
		Notifiers: []config.Kind[outbox.Notifier]{
			config.NewKind("slack", slack.Settings{}, newSlack),
			config.NewKind("alertmanager", alertmanager.Settings{}, newAlertmanager),
		},
	}
}

func newAPIKey(s probe.APIKeySettings, _ *config.Config) (probe.Credential, error) {
	return probe.NewAPIKey(s)
}

func newLogin(s probe.LoginSettings, _ *config.Config) (probe.Credential, error) {
	return probe.NewLogin(s)
}

func newSlack(s slack.Settings, cfg *config.Config) (outbox.Notifier, error) {
	return slack.New(s, slack.Options{
		TraceURL: traceURL(cfg), Untraced: !cfg.Traced, Site: cfg.ExternalURL, Support: cfg.Support, Location: cfg.Location,
	}), nil
}

func newAlertmanager(s alertmanager.Settings, cfg *config.Config) (outbox.Notifier, error) {
	return alertmanager.New(s, alertmanager.Options{
		Target: cfg.Target.Host, TraceURL: traceURL(cfg), Site: cfg.ExternalURL,
	}), nil
}

// traceURL returns the address of a trace for messages; empty when traces are not exported, since the link would not work.
func traceURL(cfg *config.Config) string {
	if !cfg.Traced {
		return ""
	}
	return cfg.Telemetry.TraceURL
}

// newCredentials makes the credentials of a configuration. It reuses those of the previous generation that have the same name and
// settings, so that a reload does not log in again.
func newCredentials(cfg *config.Config, previous *generation) (map[string]probe.Credential, error) {
	made := map[string]probe.Credential{}
	var faults []error
	for _, name := range sortedKeys(cfg.Credentials) {
		if previous != nil && sameCredential(previous.config, cfg, name) {
			made[name] = previous.credentials[name]
			continue
		}
		credential, err := cfg.Credentials[name].Build(cfg)
		if err != nil {
			faults = append(faults, fmt.Errorf("credential %q: %w", name, err))
			continue
		}
		made[name] = credential
	}
	return made, errors.Join(faults...)
}

// sameCredential reports whether a name means the same credential in two configurations. A different target makes a different credential,
// so that its token is not sent to another host.
func sameCredential(a, b *config.Config, name string) bool {
	before, now := a.Credentials[name], b.Credentials[name]
	return before.Kind == now.Kind && *a.Target == *b.Target && reflect.DeepEqual(before.Settings, now.Settings)
}

// newDestinations makes the notifiers of a configuration.
func newDestinations(cfg *config.Config) (map[string]outbox.Destination, error) {
	made := map[string]outbox.Destination{}
	var faults []error
	for _, name := range sortedKeys(cfg.Notifiers) {
		notifier, err := cfg.Notifiers[name].Build(cfg)
		if err != nil {
			faults = append(faults, fmt.Errorf("notifier %q: %w", name, err))
			continue
		}
		made[name] = outbox.Destination{Notifier: notifier, GroupWait: cfg.Notifiers[name].GroupWait}
	}
	return made, errors.Join(faults...)
}
