package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/config"
	"squarewatch/config/setting"
	"squarewatch/probe/redact"
)

// silenceJSON requests a silence of some series, or of everything with All. A silence mutes a series when each list that is not empty has
// a glob that matches: Rules its rule, Probes its probe, and Series its name.
type silenceJSON struct {
	All     bool      `json:"all,omitempty"`
	Rules   []string  `json:"rules"`
	Probes  []string  `json:"probes"`
	Series  []string  `json:"series"`
	Until   time.Time `json:"until"`
	By      string    `json:"by"`
	Comment string    `json:"comment"`
}

// keptSilence is the answer to a request for a silence that is now in force.
type keptSilence struct {
	alert.Silence

	Warning  string `json:"warning,omitempty"` // why it is not on the disk yet; empty when it is
	NotMuted string `json:"note,omitempty"`    // which rules it does not mute although they count its probes
}

// checkScope refuses a silence that does not say what it mutes. A mistake that mutes everything would look like a healthy API.
func (s *silenceJSON) checkScope() error {
	named := len(s.Rules)+len(s.Probes)+len(s.Series) > 0
	switch {
	case !named && !s.All:
		return errors.New("the silence does not say what to mute: name rules, probes or series (--rule, --probe, --series), " +
			"or mute everything (--all, or all: true)")
	case named && s.All:
		return errors.New("the silence mutes everything and also names rules, probes or series: leave out one of the two")
	}
	return nil
}

// checkPrintable refuses texts that could change what a terminal or a message shows.
func (s *silenceJSON) checkPrintable() error {
	for _, text := range slices.Concat([]string{s.By, s.Comment}, s.Rules, s.Probes, s.Series) {
		if redact.Printable(text) != text {
			return fmt.Errorf("the silence contains %+q, which has a character that does not print; write plain text", redact.Cut(text, longestName))
		}
	}
	return nil
}

// largestRequest bounds a body, in bytes.
const largestRequest = 64 << 10

func (d *Daemon) addSilence(w http.ResponseWriter, r *http.Request, by string) {
	var ask silenceJSON
	decoder := json.NewDecoder(io.LimitReader(r.Body, largestRequest))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&ask); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("read the silence: %w", err))
		return
	}
	if err := errors.Join(ask.checkPrintable(), ask.checkScope()); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	silence := alert.Silence{
		Rules: ask.Rules, Probes: ask.Probes, Series: ask.Series, Until: ask.Until, By: onBehalf(by, ask.By), Comment: ask.Comment,
	}
	if err := d.mutesSomething(&silence); err != nil {
		refuse(w, http.StatusUnprocessableEntity, err)
		return
	}
	kept, err := d.silences.Add(r.Context(), silence)
	if errors.Is(err, alert.ErrNotKept) {
		d.reportSilence(r.Context(), &kept)
		respond(w, http.StatusCreated, keptSilence{Silence: kept, Warning: err.Error(), NotMuted: d.notMuted(&kept)})
		return
	}
	if err != nil {
		status := http.StatusInternalServerError
		if errors.Is(err, alert.ErrTooManySilences) {
			status = http.StatusConflict
		}
		if _, invalid := errors.AsType[*setting.Invalid](err); invalid {
			status = http.StatusBadRequest
		}
		refuse(w, status, err)
		return
	}
	d.reportSilence(r.Context(), &kept)
	respond(w, http.StatusCreated, keptSilence{Silence: kept, NotMuted: d.notMuted(&kept)})
}

// notMuted returns a sentence about the rules that count the probes of a silence and are not muted; empty for none.
func (d *Daemon) notMuted(silence *alert.Silence) string {
	cfg := d.config()
	var rules, flags []string
	for _, rule := range silence.Unmuted(cfg.Rules, cfg.Probes) {
		per := "per " + string(rule.Per)
		if rule.Per == alert.PerAll {
			per = "over all"
		}
		rules, flags = append(rules, fmt.Sprintf("%s (%s)", rule.Name, per)), append(flags, "--rule "+rule.Name)
	}
	if len(rules) == 0 {
		return ""
	}
	return fmt.Sprintf("It does not mute %s, where these probes count too. Add a silence with %s to mute that as well.",
		strings.Join(rules, " and "), strings.Join(flags, " "))
}

// mutesSomething refuses names and globs that match nothing, with a suggestion for each, and a silence that matches no series.
func (d *Daemon) mutesSomething(silence *alert.Silence) error {
	var rules, series []string
	for _, status := range d.evaluator.Snapshot() {
		rules, series = append(rules, status.Rule), append(series, status.Series)
	}
	faults := []error{
		unmatched("rule", silence.Rules, rules),
		unmatched("probe", silence.Probes, probeNames(d.config().Probes)),
		unmatched("series", silence.Series, series),
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	if d.evaluator.CountMuted(silence) == 0 {
		return errors.New("the silence mutes nothing: no series matches the silence's rules, probes and series together; " +
			"a rule per credential has no series for a single probe. The command squarewatch status shows the series of each rule")
	}
	return nil
}

// unmatched reports the globs that match none of the names.
func unmatched(what string, globs, names []string) error {
	var faults []error
	for _, glob := range globs {
		matches := func(name string) bool {
			ok, err := path.Match(glob, name)
			return ok && err == nil
		}
		switch {
		case !setting.ValidGlob(glob):
			faults = append(faults, fmt.Errorf(`%q is not a pattern; write the name of a %s or a glob such as "user-*"`, glob, what))
		case !slices.ContainsFunc(names, matches):
			faults = append(faults, fmt.Errorf("no %s matches %q; %s", what, glob, config.Suggest(glob, names)))
		}
	}
	return errors.Join(faults...)
}
