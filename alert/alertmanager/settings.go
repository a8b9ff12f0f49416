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
	Target   string       // host of the watched API; a label, because one Alertmanager may receive alerts about two APIs
	TraceURL string       // address of a trace, with {trace_id} in place of the identifier; empty for no links
	Site     setting.Site // address of the pages, for links to the incident and to its newest run
	Client   *http.Client // nil for the default one, which uses the proxy variables of the environment
}

// Validate reports every fault of the settings as [setting.Invalid], joined. References to secrets must have been resolved.
func (s Settings) Validate() error {
	var faults setting.Faults
	faults.Add(s.URL == "" && len(s.URLs) == 0, "url", "is missing", fixURL)
	faults.Add(s.URL != "" && len(s.URLs) > 0, "urls", "is set together with url", "write one of them")
	if s.URL != "" {
		faults = append(faults, validAddress("url", s.URL))
	}
	for i, address := range s.URLs {
		faults = append(faults, validAddress(fmt.Sprintf("urls[%d]", i), address))
		faults.Add(slices.Index(s.URLs, address) < i, fmt.Sprintf("urls[%d]", i), "is listed twice", "write each member once")
	}
	faults.Add(!s.BearerToken.IsZero() && s.BasicAuth != nil, "basic_auth", "is set together with bearer_token", "write one of them")
	if s.BasicAuth != nil {
		faults.Add(s.BasicAuth.Username.IsZero(), "basic_auth.username", "is missing", "write the name to log in with")
		faults.Add(s.BasicAuth.Password.IsZero(), "basic_auth.password", "is missing", "write ${credential:NAME}, ${file:/path} or ${env:NAME}")
	}
	faults.Add(!headerSafe(s.BearerToken.Reveal()), "bearer_token", "contains a character that is not allowed in a header",
		"write only the token, on one line")
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

// validAddress returns the fault of a member's address.
func validAddress(field, text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return &setting.Invalid{Field: field, Problem: "is not an http or https address", Fix: fixURL}
	case u.User != nil:
		return &setting.Invalid{Field: field, Problem: "contains a login", Fix: "write it as basic_auth: {username: …, password: …}"}
	case u.RawQuery != "" || u.Fragment != "":
		return &setting.Invalid{Field: field, Problem: "has a query or a fragment", Fix: fixURL}
	case strings.Contains(u.Path+"/", "/api/v"):
		return &setting.Invalid{Field: field, Problem: "contains the API path /api/v…", Fix: "remove that part"}
	}
	return nil
}

// headerSafe reports whether a text is allowed in a header.
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
