package config

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"squarewatch/alert"
	"squarewatch/probe"
	"squarewatch/probe/catalogue"
)

// Choice selects catalogue probes: all, none, or a list of names.
type Choice struct {
	Unset bool // the file has no choice: all when it has no probes of its own
	All   bool
	Names []string
}

// UnmarshalYAML reads a word or a list.
func (c *Choice) UnmarshalYAML(node *yaml.Node) error {
	*c = Choice{}
	if node.Kind == yaml.SequenceNode {
		return node.Load(&c.Names)
	}
	switch node.Value {
	case "all":
		c.All = true
	case "none":
	default:
		return fmt.Errorf("is %q; write all, none, or a list of names", node.Value)
	}
	return nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (c Choice) MarshalYAML() (any, error) {
	switch {
	case c.All:
		return "all", nil
	case len(c.Names) > 0:
		return c.Names, nil
	}
	return "none", nil
}

// probes joins the catalogue's and the file's own probes.
func (r *reader) probes(document *yaml.Node, raw *file, cfg *Config) {
	defaults := probe.DefaultDefaults()
	own := raw.Defaults
	if !own.Schedule.IsZero() {
		defaults.Schedule = own.Schedule
	}
	defaults.Timeout = cmp.Or(own.Timeout, defaults.Timeout)
	defaults.Connection = cmp.Or(own.Connection, defaults.Connection)
	defaults.Credential = cmp.Or(own.Credential, defaults.Credential)
	reviewer, err := catalogue.NewReviewer()
	if err != nil {
		r.fault(locate(document, "probes"), "probes", err.Error())
		return
	}
	builtIn := r.catalogue(document, raw, cfg, own.Credential)
	seen, credentials := map[string]string{}, &credentialNames{reader: r, raw: raw, first: map[string]*Error{}, more: map[string]int{}}
	credentials.check(locate(document, "defaults"), locate(document, "defaults.credential"), "defaults.credential", defaults.Credential)
	for i := range builtIn {
		defaults.Apply(&builtIn[i])
		r.invalid(locate(document, "defaults"), "defaults", builtIn[i].Validate())
		seen[builtIn[i].Name] = "the catalogue has a probe of that name: choose another name, or leave that probe out with catalogue: [names]"
	}
	for i := range raw.Probes {
		p, at := &raw.Probes[i], fmt.Sprintf("probes[%d]", i)
		node := locate(document, at)
		defaults.Apply(p)
		r.invalid(node, at, p.Validate())
		credentials.check(node, locate(node, "credential"), join(at, "credential"), p.Credential)
		doubt, fault := reviewer.Review(p)
		r.invalid(node, at, fault)
		if doubt != "" {
			r.warn(node, at, doubt)
		}
		if taken := seen[p.Name]; taken != "" {
			r.fault(locate(node, "name"), join(at, "name"), fmt.Sprintf("is %q; %s", p.Name, taken))
		}
		seen[p.Name] = at + " has that name already"
	}
	credentials.count()
	cfg.Probes = append(builtIn, raw.Probes...)
	r.dependencies(document, raw, cfg)
	if len(cfg.Probes) == 0 && len(r.errors) == 0 {
		r.fault(locate(document, "catalogue"), "probes", "there is nothing to probe; write a probe, or catalogue: all")
	}
}

// dependencies checks that probes depend on other probes of the file, without a cycle.
func (r *reader) dependencies(document *yaml.Node, raw *file, cfg *Config) {
	names := probeNames(cfg.Probes)
	on := map[string][]string{}
	for i := range cfg.Probes {
		on[cfg.Probes[i].Name] = cfg.Probes[i].DependsOn
	}
	for i := range raw.Probes {
		p := &raw.Probes[i]
		for k, parent := range p.DependsOn {
			at := fmt.Sprintf("probes[%d].depends_on[%d]", i, k)
			switch {
			case parent == p.Name:
				r.fault(locate(document, at), at, fmt.Sprintf("is %q, the probe itself; remove it", parent))
			case !slices.Contains(names, parent):
				r.fault(locate(document, at), at, fmt.Sprintf("is %q, and there is no such probe; %s", parent, r.suggest(parent, names)))
			case leadsTo(on, parent, p.Name, map[string]bool{}):
				r.fault(locate(document, at), at, fmt.Sprintf("is %q, which depends on %s itself; remove one of them", parent, p.Name))
			}
		}
	}
}

// leadsTo reports whether a probe is another one or depends on it, perhaps through others. It visits each probe once.
func leadsTo(on map[string][]string, from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	return slices.ContainsFunc(on[from], func(parent string) bool { return leadsTo(on, parent, to, seen) })
}

// catalogue returns the built-in probes that the file selects and has the sections for.
func (r *reader) catalogue(document *yaml.Node, raw *file, cfg *Config, credential string) []probe.Probe {
	choice := raw.Catalogue
	if choice.Unset {
		choice.All = len(raw.Probes) == 0
	}
	if !choice.All && len(choice.Names) == 0 {
		return nil
	}
	if credential == "" && len(raw.Credentials) == 1 { // it can only be meant for this one
		credential = sortedKeys(raw.Credentials)[0]
	}
	if credential == probe.NoCredential {
		credential = ""
	}
	probes, skipped, err := catalogue.Probes(catalogue.Options{Studio: raw.Studio, Credential: credential, Names: choice.Names})
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			r.fault(locate(document, "catalogue"), "catalogue", strings.TrimSpace(line))
		}
	}
	cfg.Skipped = skipped
	return probes
}

// oneOf describes what may be written instead of an unknown word.
func oneOf(section, word string, names []string, also ...string) string {
	names = append(names, also...)
	switch near := nearest(word, names); {
	case len(names) == 0:
		return "define it under " + section
	case near != "" && len(names) > namesShown:
		return fmt.Sprintf("define it under %s, or did you mean %q?", section, near)
	}
	return fmt.Sprintf("define it under %s, or write one of %s", section, Shortened(names))
}

// rules fills and checks the rules; the default ones when the file has none.
func (r *reader) rules(document *yaml.Node, raw *file, cfg *Config) {
	if raw.Rules == nil {
		cfg.Rules = alert.DefaultRules()
	} else {
		cfg.Rules = *raw.Rules
	}
	seen := map[string]int{}
	for i := range cfg.Rules {
		rule, at := &cfg.Rules[i], fmt.Sprintf("rules[%d]", i)
		node := locate(document, at)
		everything := len(rule.Probes) == 0
		rule.Defaults()
		r.invalid(node, at, rule.Validate())
		if first, taken := seen[rule.Name]; taken {
			r.fault(locate(node, "name"), join(at, "name"), fmt.Sprintf("is %q, the name that rules[%d] has already", rule.Name, first))
		}
		seen[rule.Name] = i
		for k, glob := range rule.Probes {
			if !everything && glob != "*" && !matchesAny(glob, cfg.Probes) {
				where := fmt.Sprintf("probes[%d]", k)
				r.fault(locate(node, where), join(at, where), fmt.Sprintf("%q matches no probe; %s", glob, r.suggest(glob, probeNames(cfg.Probes))))
			}
		}
		r.checkNotifiers(node, at, rule.Notify, cfg)
		r.unreachable(node, at, rule, cfg)
	}
	r.uncounted(document, raw, cfg)
	if len(cfg.Notifiers) == 0 && len(cfg.Rules) > 0 {
		r.warn(locate(document, ""), "notifiers", "there are none, so alerts are not delivered; define one, for example slack")
	}
}

// unreachable warns about a rule whose confidence can never be reached, so that it can never fire, or never end.
func (r *reader) unreachable(node *yaml.Node, at string, rule *alert.Rule, cfg *Config) {
	if rule.Per != alert.PerProbe || rule.Confidence == 0 {
		return
	}
	for i := range cfg.Probes {
		p := &cfg.Probes[i]
		if !rule.Watches(p.Name) || rule.Rarely(p) {
			continue
		}
		runs := p.Schedule.Busiest(rule.Window - 1)
		low, _ := rule.Interval(runs, runs)
		_, high := rule.Interval(0, runs)
		if low <= rule.Threshold || high >= rule.Clear {
			r.warn(node, at, fmt.Sprintf("%s asks for %v confidence, and %d runs of %s in %v cannot give it: "+
				"without a bad run the rate may still be %v, with only bad runs it may be as low as %v; "+
				"choose a longer window, a higher clear or less confidence", rule.Name, rule.Confidence, runs, p.Name, rule.Window, high, low))
			return
		}
	}
}

// maintenance checks the recurring windows.
func (r *reader) maintenance(document *yaml.Node, cfg *Config) {
	seen := map[string]int{}
	for i := range cfg.Maintenance {
		m, at := &cfg.Maintenance[i], fmt.Sprintf("maintenance[%d]", i)
		node := locate(document, at)
		r.invalid(node, at, m.Validate())
		if first, taken := seen[m.Name]; taken {
			r.fault(locate(node, "name"), join(at, "name"), fmt.Sprintf("is %q, the name that maintenance[%d] has already", m.Name, first))
		}
		seen[m.Name] = i
		r.mutesSomething(node, join(at, "rules"), m.Rules, ruleNames(cfg.Rules))
		r.mutesSomething(node, join(at, "probes"), m.Probes, probeNames(cfg.Probes))
	}
	if len(r.errors) == 0 {
		r.maintenanceTogether(document, cfg)
	}
}

// maintenanceTogether refuses maintenance that mutes nothing, and windows that together mute a series all of the time. It warns of those
// that leave little time.
func (r *reader) maintenanceTogether(document *yaml.Node, cfg *Config) {
	for i := range cfg.Maintenance {
		if cfg.Maintenance[i].MutesNothing(cfg.Rules, cfg.Probes) {
			at := fmt.Sprintf("maintenance[%d]", i)
			r.fault(locate(document, at), at, "mutes nothing: none of its rules counts its probes by themselves; leave out rules or probes")
		}
	}
	for _, muted := range alert.MostlyMuted(cfg.Maintenance, cfg.Rules, cfg.Probes) {
		at := fmt.Sprintf("maintenance[%d].duration", muted.By[len(muted.By)-1])
		node, together, one := locate(document, at), "", "it"
		if len(muted.By) > 1 {
			names := make([]string, 0, len(muted.By))
			for _, i := range muted.By {
				names = append(names, cfg.Maintenance[i].Name)
			}
			together, one = fmt.Sprintf(", together with the other maintenance (%s)", strings.Join(names, ", ")), "one of them"
		}
		if muted.Always() {
			r.fault(node, at, fmt.Sprintf("mutes %s %s all of the time%s, so its alerts are never delivered; shorten %s, "+
				"or remove the alert from the rules", muted.Rule, muted.Series, together, one))
			continue
		}
		r.warn(node, at, fmt.Sprintf("mutes %s %s %v of the time%s, so that its alerts come late, or not at all when the problem is short; "+
			"shorten %s unless that is meant", muted.Rule, muted.Series, muted.Share, together, one))
	}
}

// mutesSomething refuses globs that match no name, since the intended series would not be muted.
func (r *reader) mutesSomething(node *yaml.Node, at string, globs, names []string) {
	for k, glob := range globs {
		if !slices.ContainsFunc(names, func(name string) bool { ok, err := path.Match(glob, name); return ok || err != nil }) {
			field := fmt.Sprintf("%s[%d]", at[strings.LastIndexByte(at, '.')+1:], k)
			r.fault(locate(node, field), fmt.Sprintf("%s[%d]", at, k), fmt.Sprintf("%q matches nothing; %s", glob, r.suggest(glob, names)))
		}
	}
}

func ruleNames(rules []alert.Rule) []string {
	names := []string{alert.AccessRule, alert.NoDataRule, alert.NetworkRule, alert.WatcherRule}
	for i := range rules {
		names = append(names, rules[i].Name)
	}
	return names
}

// defaultSupportWait is the age of server errors at which AISquare is to be asked.
const defaultSupportWait = 30 * time.Minute

// support checks support and support_after.
func (r *reader) support(document *yaml.Node, cfg *Config) {
	switch {
	case cfg.SupportWait < 0:
		r.fault(locate(document, "support_after"), "support_after", "is "+cfg.SupportWait.String()+"; write a time above 0, for example 30m")
	case cfg.SupportWait > 0 && cfg.Support == "":
		r.fault(locate(document, "support_after"), "support_after",
			"is set without support; write whom to ask at AISquare, for example support: support@aisquare.studio")
	case cfg.Support != "":
		cfg.SupportWait = cmp.Or(cfg.SupportWait, defaultSupportWait)
	}
}

func (r *reader) checkNotifiers(node *yaml.Node, at string, names []string, cfg *Config) {
	for k, name := range names {
		if _, ok := cfg.Notifiers[name]; !ok {
			where := fmt.Sprintf("notify[%d]", k)
			r.fault(locate(node, where), join(at, where),
				fmt.Sprintf("is %q, which is not defined; %s", name, oneOf("notifiers", name, sortedKeys(cfg.Notifiers))))
		}
	}
}

func matchesAny(glob string, probes []probe.Probe) bool {
	return slices.ContainsFunc(probes, func(p probe.Probe) bool {
		ok, err := path.Match(glob, p.Name)
		return ok || err != nil // the rule's own validation reports a malformed glob
	})
}

func probeNames(probes []probe.Probe) []string {
	names := make([]string, 0, len(probes))
	for _, p := range probes {
		names = append(names, p.Name)
	}
	return names
}
