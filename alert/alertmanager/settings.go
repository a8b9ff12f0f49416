// Package alertmanager tells Prometheus's Alertmanager of incidents, through its API v2. Several hosts that watch the same
// API and tell the same Alertmanager make one alert there: its labels are the same on all of them.
//
// [Render] makes the alerts of a notification; a [Notifier] posts them to every member of a cluster. What fires is posted
// again each minute and ends by itself soon after that stops, so that a squarewatch that died leaves nothing behind.
package alertmanager

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/prometheus/common/model"

	"squarewatch/config/secret"
	"squarewatch/config/setting"
)

// Settings say where alerts go. The tags are the keys of notifiers.<name>.alertmanager in the configuration file.
type Settings struct {
	URL         string            `yaml:"url,omitempty"`
	URLs        []string          `yaml:"urls,omitempty"` // the members of a cluster: each is told
	BearerToken secret.Text       `yaml:"bearer_token,omitempty"`
	BasicAuth   *BasicAuth        `yaml:"basic_auth,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"` // added to every alert
}

// BasicAuth is a login by name and password.
type BasicAuth struct {
	Username secret.Text `yaml:"username" secret:"optional"`
	Password secret.Text `yaml:"password"`
}

// Options are what a notifier takes from the rest of the program.
type Options struct {
	Target   string       // host of the API that is watched: a label, for two may be watched through one Alertmanager
	TraceURL string       // address of a trace, with {trace_id} in the place of the identifier; empty for no links
	Client   *http.Client // nil for one of its own, which obeys the proxy variables of the environment
}

// Validate reports every fault of the settings as [setting.Invalid], joined. References to secrets must have been resolved.
func (s Settings) Validate() error {
	var faults setting.Faults
	faults.Add(s.URL == "" && len(s.URLs) == 0, "url", "is missing", "write the address of Alertmanager's page, for example http://127.0.0.1:9093")
	faults.Add(s.URL != "" && len(s.URLs) > 0, "urls", "stands beside url", "write one of them")
	if s.URL != "" {
		faults = append(faults, validAddress("url", s.URL))
	}
	for i, address := range s.URLs {
		faults = append(faults, validAddress(fmt.Sprintf("urls[%d]", i), address))
		faults.Add(slices.Index(s.URLs, address) < i, fmt.Sprintf("urls[%d]", i), "is there twice", "write each member once")
	}
	faults.Add(!s.BearerToken.IsZero() && s.BasicAuth != nil, "basic_auth", "stands beside bearer_token", "write one of them")
	if s.BasicAuth != nil {
		faults.Add(s.BasicAuth.Username.IsZero(), "basic_auth.username", "is missing", "write the name to log in with")
		faults.Add(s.BasicAuth.Password.IsZero(), "basic_auth.password", "is missing", "write ${credential:NAME}, ${file:/path} or ${env:NAME}")
	}
	faults.Add(!headerSafe(s.BearerToken.Reveal()), "bearer_token", "holds what no header can", "write the token alone, in one line")
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		faults.Add(!model.LegacyValidation.IsValidLabelName(name), "labels", fmt.Sprintf("has the name %q", name), "write letters, digits and underscores, for example team")
		faults.Add(slices.Contains(ownLabels(), name), "labels."+name, "is a label that squarewatch sets itself", "choose another name")
		faults.Add(s.Labels[name] == "", "labels."+name, "is empty", "write a value, or leave it out")
	}
	return faults.Err()
}

// ShowsSecretsAt returns the addresses to which the login would go without encryption.
func (s Settings) ShowsSecretsAt() []string {
	if s.BearerToken.IsZero() && s.BasicAuth == nil {
		return nil
	}
	var fields []string
	if setting.ShowsSecrets(s.URL) {
		fields = append(fields, "url")
	}
	for i, address := range s.URLs {
		if setting.ShowsSecrets(address) {
			fields = append(fields, fmt.Sprintf("urls[%d]", i))
		}
	}
	return fields
}

// validAddress reports what is wrong with the address of a member.
func validAddress(field, text string) error {
	const fix = "write the address of Alertmanager's page, for example http://127.0.0.1:9093"
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return &setting.Invalid{Field: field, Problem: "is no http or https address", Fix: fix}
	case u.User != nil:
		return &setting.Invalid{Field: field, Problem: "holds a login", Fix: "write it as basic_auth: {username: …, password: …}"}
	case u.RawQuery != "" || u.Fragment != "":
		return &setting.Invalid{Field: field, Problem: "has more than a host and a path", Fix: fix}
	case strings.Contains(u.Path+"/", "/api/v"):
		return &setting.Invalid{Field: field, Problem: "names the API itself", Fix: fix}
	}
	return nil
}

// headerSafe reports whether a text can stand in a header.
func headerSafe(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// member is one Alertmanager of a cluster.
type member struct {
	name    string // its host, for errors
	address string // to post to
}

// members returns whom to tell. The settings must be valid.
func (s Settings) members() []member {
	addresses := s.URLs
	if s.URL != "" {
		addresses = []string{s.URL}
	}
	all := make([]member, 0, len(addresses))
	for _, address := range addresses {
		if u, err := url.Parse(address); err == nil {
			all = append(all, member{cmp.Or(u.Host, "nowhere"), u.JoinPath("api/v2/alerts").String()})
		}
	}
	return all
}
