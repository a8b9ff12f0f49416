package probe_test

import (
	"strings"
	"testing"

	"squarewatch/config/secret"
	"squarewatch/probe"
)

// TestProbeThatCannotBeSentIsInvalid checks that the fault names the field and shows no value.
func TestProbeThatCannotBeSentIsInvalid(t *testing.T) {
	header := func(name, value string) probe.Probe {
		return probe.Probe{Path: "/", Headers: map[string]secret.Text{name: secret.New(value)}}
	}
	for name, test := range map[string]struct {
		probe probe.Probe
		want  string // start of the fault; empty for none
	}{
		"two lines":                  {header("X-Key", "hush\nhush"), "headers.X-Key contains a line break"},
		"a zero byte":                {header("X-Key", "hush\x00"), "headers.X-Key contains a line break"},
		"a tab":                      {header("X-Key", "hush\thush"), ""},
		"no value":                   {header("X-Key", ""), ""},
		"another script":             {header("X-Key", "schlüssel"), ""},
		"a name of two words":        {header("X Key", "hush"), `headers.X Key has the name "X Key", which is not allowed for a header`},
		"a name with its colon":      {header("X-Key:", "hush"), `headers.X-Key: has the name "X-Key:"`},
		"no name":                    {header("", "hush"), `headers. has the name ""`},
		"a host":                     {header("Host", "api.example.org:8443"), ""},
		"a host in another script":   {header("host", "bücher.example"), ""},
		"an address":                 {header("Host", "[::1]:80"), ""},
		"a host that is two":         {header("Host", "hush hush"), "headers.Host is not a host"},
		"a host that is a URL":       {header("Host", "https://hush/"), "headers.Host is not a host"},
		"a host of two lines":        {header("Host", "hush\nhush"), "headers.Host contains a line break"},
		"a method in small letters":  {probe.Probe{Path: "/", Method: "post"}, `method is "post"`},
		"a method of two words":      {probe.Probe{Path: "/", Method: "GET /x"}, `method is "GET /x"`},
		"a path with a fragment":     {probe.Probe{Path: "/a#b"}, `path is "/a#b", and the part after # is never sent`},
		"a path with a bare #":       {probe.Probe{Path: "/a/#"}, `path is "/a/#", and the part after # is never sent`},
		"a # in its query":           {probe.Probe{Path: "/a?b=#c"}, `path is "/a?b=#c", and the part after # is never sent`},
		"an encoded #":               {probe.Probe{Path: "/a/%23"}, ""},
		"a path with half a percent": {probe.Probe{Path: "/a/%2"}, `path is "/a/%2", with a % that begins no encoded character`},
		"a path of two lines":        {probe.Probe{Path: "/a\r\nX: y"}, `path is "/a\r\nX: y": write a path on the target`},
	} {
		test.probe.Name = "test"
		probe.DefaultDefaults().Apply(&test.probe)
		err := test.probe.Validate()
		if (err != nil) != (test.want != "") || err != nil && !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: want %q, got %v", name, test.want, err)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: a secret is in %v", name, err)
		}
	}
}

func TestLoginPathWithAFragmentIsInvalid(t *testing.T) {
	s := probe.LoginSettings{RefreshPath: "/refresh/#", Login: probe.LoginRequest{
		Path: "/login/#",
		Body: map[string]secret.Text{"a": secret.New("b")},
	}}
	if err := s.Validate(); err == nil || strings.Count(err.Error(), "the part after # is never sent") != 2 {
		t.Errorf("got %v", err)
	}
}
