// Package alertmanager sends incidents to Prometheus's Alertmanager, through its API v2. Several hosts that watch the same API and use the
// same Alertmanager make one alert there, because its labels are the same on all of them.
//
// [Render] makes the alerts of a notification; a [Notifier] posts them to every member of a cluster. Firing alerts are posted again each
// minute and end soon after the last post, so that a squarewatch that was killed leaves no alert behind.
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
	URLs        []string          `yaml:"urls,omitempty"` // the members of a cluster; each receives every alert
	BearerToken secret.Text       `yaml:"bearer_token,omitempty"`
	BasicAuth   *BasicAuth        `yaml:"basic_auth,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"` // added to every alert
}

// BasicAuth is a login by name and password.
type BasicAuth struct {
	Username secret.Text `yaml:"username" secret:"optional"`
	Password secret.Text `yaml:"password"`
}

// Options are the dependencies of a notifier.
type Options struct {
	Target   string       // host of the API that is watched; a label, since one Alertmanager may receive alerts about two
	TraceURL string       // address of a trace, with {trace_id} in the place of the identifier; empty for no links
	Client   *http.Client // nil for the default one, which uses the proxy variables of the environment
}

// Validate reports every fault of the settings as [setting.Invalid], joined. References to secrets must have been resolved.
func (s Settings) Validate() error {
	var faults setting.Faults
	faults.Add(s.URL == "" && len(s.URLs) == 0, "url", "is missing", fixURL)
	faults.Add(s.URL != "" && len(s.URLs) > 0, "urls", "and url are both set", "write one of them")
	if s.URL != "" {
		faults = append(faults, validAddress("url", s.URL))
	}
	for i, address := range s.URLs {
		faults = append(faults, validAddress(fmt.Sprintf("urls[%d]", i), address))
		faults.Add(slices.Index(s.URLs, address) < i, fmt.Sprintf("urls[%d]", i), "is there twice", "write each member once")
	}
	faults.Add(!s.BearerToken.IsZero() && s.BasicAuth != nil, "basic_auth", "and bearer_token are both set", "write one of them")
	if s.BasicAuth != nil {
		faults.Add(s.BasicAuth.Username.IsZero(), "basic_auth.username", "is missing", "write the name to log in with")
		faults.Add(s.BasicAuth.Password.IsZero(), "basic_auth.password", "is missing", "write ${credential:NAME}, ${file:/path} or ${env:NAME}")
	}
	faults.Add(!headerSafe(s.BearerToken.Reveal()), "bearer_token", "holds a character that a header cannot",
		"write the token alone, in one line")
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		faults.Add(!model.LegacyValidation.IsValidLabelName(name), "labels", fmt.Sprintf("has the name %q", name),
			"write letters, digits and underscores, for example team")
		faults.Add(slices.Contains(ownLabels(), name), "labels."+name, "is a label that squarewatch sets itself", "choose another name")
		faults.Add(s.Labels[name] == "", "labels."+name, "is empty", "write a value, or leave it out")
	}
	return faults.Err()
}

// ShowsSecretsAt returns the fields whose addresses would receive the login without encryption.
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

const fixURL = "write the address of Alertmanager's page, for example http://127.0.0.1:9093"

// validAddress reports what is wrong with the address of a member.
func validAddress(field, text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return &setting.Invalid{Field: field, Problem: "is not an http or https address", Fix: fixURL}
	case u.User != nil:
		return &setting.Invalid{Field: field, Problem: "holds a login", Fix: "write it as basic_auth: {username: …, password: …}"}
	case u.RawQuery != "" || u.Fragment != "":
		return &setting.Invalid{Field: field, Problem: "has more than a host and a path", Fix: fixURL}
	case strings.Contains(u.Path+"/", "/api/v"):
		return &setting.Invalid{Field: field, Problem: "names the API itself", Fix: fixURL}
	}
	return nil
}

// headerSafe reports whether a header can hold a text.
func headerSafe(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// member is one Alertmanager of a cluster.
type member struct {
	name    string // its host, for errors
	address string // to post to
}

// members returns the members to post to. The settings must be valid.
func (s Settings) members() []member {
	addresses := s.URLs
	if s.URL != "" {
		addresses = []string{s.URL}
	}
	all := make([]member, 0, len(addresses))
	for _, address := range addresses {
		if u, err := url.Parse(address); err == nil {
			all = append(all, member{name: cmp.Or(u.Host, "nowhere"), address: u.JoinPath("api/v2/alerts").String()})
		}
	}
	return all
}
