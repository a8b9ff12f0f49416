package catalogue_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/catalogue"
)

func TestReview(t *testing.T) {
	reviewer, err := catalogue.NewReviewer()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		probe          probe.Probe
		fault, warning string
	}{
		"a read":          {probe: probe.Probe{Path: "/api/v1/collections/?page_size=1"}},
		"an unknown read": {probe: probe.Probe{Path: "/api/v9/anything/"}},
		"an unknown POST": {probe: probe.Probe{Method: "POST", Path: "/api/v9/search/"}},
		"a POST that reads": {probe: probe.Probe{
			Method: "POST", Path: "/api/v1/aistudios/metrics/",
			JSON: map[string]any{"url": "x"},
		}},
		"a POST without what it requires": {
			probe:   probe.Probe{Method: "POST", Path: "/api/v1/aistudios/metrics/"},
			warning: "requires url in its body and answers 400",
		},
		"a POST that expects 400": {probe: probe.Probe{
			Method: "POST", Path: "/api/v1/aistudios/metrics/",
			Expect: probe.Expect{Status: []probe.Selector{probe.MustSelector("400")}},
		}},
		"a body that is not JSON": {probe: probe.Probe{
			Method: "POST", Path: "/api/v1/aistudios/metrics/",
			Body: secret.New("url=x"),
		}},
		"a query without what it requires": {
			probe:   probe.Probe{Path: "/api/v1/aistudios/co-creators/?page=1"},
			warning: "requires publication_url in its query",
		},
		"creating": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/collections/"},
			fault: "it creates a collection",
		},
		"creating without the last slash": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/collections"},
			fault: "it creates a collection",
		},
		"creating, allowed": {probe: probe.Probe{Method: "POST", Path: "/api/v1/collections/", AllowWrites: true}},
		"costing": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/podcasts/17/generate/"},
			fault: "it starts work that costs",
		},
		"publishing": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/videos/17/publish/?x=1"},
			fault: "it publishes a video",
		},
		"logging in": {probe: probe.Probe{
			Method: "POST", Path: "/api/v1/token/",
			JSON: map[string]any{"username": "a", "password": "b"},
		}, fault: "records each call as a login"},
		"renewing a login": {probe: probe.Probe{
			Method: "POST", Path: "/api/v1/token/refresh/",
			JSON: map[string]any{"refresh": "a"},
		}, fault: "it creates a token"},
		"renewing, allowed": {
			probe:   probe.Probe{Method: "POST", Path: "/api/v1/token/refresh/", AllowWrites: true},
			warning: "requires refresh in its body",
		},
		"url alone": {probe: probe.Probe{
			Method: "POST", Path: "/api/v1/publications/publication/",
			JSON: map[string]any{"url": "x"},
		}},
		"url and more": {probe: probe.Probe{
			Method: "POST", Path: "/api/v1/publications/publication/",
			JSON: map[string]any{"url": "x", "name": "y"},
		}, fault: "any field except url changes"},
		"no fields, and a refusal expected": {probe: probe.Probe{
			Method: "POST", Path: "/api/v1/publications/publication/",
			Expect: probe.Expect{Status: []probe.Selector{probe.MustSelector("4xx")}},
		}},
		"no fields": {
			probe:   probe.Probe{Method: "POST", Path: "/api/v1/publications/publication/"},
			warning: "requires url in its body",
		},
		"url alone, as text": {probe: probe.Probe{
			Method: "POST", Path: "/api/v1/publications/publication/",
			Body: secret.New(`{"url": "x"}`),
		}},
		"url and more, as text": {probe: probe.Probe{
			Method: "POST", Path: "/api/v1/publications/publication/",
			Body: secret.New(`{"url": "x", "name": "y"}`),
		}, fault: "any field except url changes"},
		"a form, which may have more": {probe: probe.Probe{
			Method: "POST", Path: "/api/v1/publications/publication/",
			Body: secret.New("url=x"),
		}, fault: "any field except url changes"},
		"a list": {probe: probe.Probe{
			Method: "POST", Path: "/api/v1/publications/publication/",
			JSON: []any{"url"},
		}, fault: "any field except url changes", warning: "requires url in its body"},
		"a body without what it requires": {probe: probe.Probe{
			Method: "POST", Path: "/api/v1/aistudios/metrics/",
			Body: secret.New(`{}`),
		}, warning: "requires url in its body"},
		"no workspace": {
			probe:   probe.Probe{Path: "/api/v2/credits/balance/"},
			warning: "requires X-Workspace-Id in its headers",
		},
		"a workspace": {probe: probe.Probe{
			Path:    "/api/v2/credits/balance/",
			Headers: map[string]secret.Text{"x-workspace-id": secret.New("42")},
		}},
		"creating, in an ambiguous path": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1//x/../%63ollections/"},
			fault: "it creates a collection",
		},
		"creating, in capital letters": {
			probe: probe.Probe{Method: "POST", Path: "/API/v1/Collections/"},
			fault: "it creates a collection",
		},
		"creating, asked for JSON": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/collections.json"},
			fault: "it creates a collection",
		},
		"creating, with an empty query": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/collections/?"},
			fault: "it creates a collection",
		},
		"creating, with a path in the query": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/collections/?/../aistudios/metrics/"},
			fault: "it creates a collection",
		},
		"two slashes that hide a segment": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/collections//../"},
			fault: "servers interpret in different ways",
		},
		"a slash that is encoded": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/podcasts/1%2f2/x/"},
			fault: "servers interpret in different ways",
		},
		"a dot that is encoded": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/x/%2e"},
			fault: "servers interpret in different ways",
		},
		"a # that is encoded": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/collections/%23"},
			fault: "servers interpret in different ways",
		},
		"a ? that is encoded": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/collections/%3f"},
			fault: "servers interpret in different ways",
		},
		"a % that is encoded": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/%2563ollections/"},
			fault: "servers interpret in different ways",
		},
		"half a %": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/collections/%"},
			fault: "servers interpret in different ways",
		},
		"a parameter of the path": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/collections/;a=b"},
			fault: "servers interpret in different ways",
		},
		"a backslash": {
			probe: probe.Probe{Method: "POST", Path: `/api/v1\collections/`},
			fault: "servers interpret in different ways",
		},
		"a line break": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/collections/%0a"},
			fault: "servers interpret in different ways",
		},
		"a blank": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/collections/%20"},
			fault: "servers interpret in different ways",
		},
		"an ambiguous path, allowed":      {probe: probe.Probe{Method: "POST", Path: "/api/v1//x/", AllowWrites: true}},
		"an ambiguous path, only reading": {probe: probe.Probe{Path: "/api/v1//collections/;x/%20"}},
		"a POST to the root":              {probe: probe.Probe{Method: "POST", Path: "/"}},
		"a POST to an encoded name":       {probe: probe.Probe{Method: "POST", Path: "/api/v9/caf%C3%A9/"}},
		"another method in a header": {
			probe: probe.Probe{
				Path:    "/api/v9/x/3/",
				Headers: map[string]secret.Text{"x-http-Method-override": secret.New("DELETE")},
			},
			fault: "headers.x-http-Method-override overrides the method",
		},
		"another method, allowed": {probe: probe.Probe{
			Path: "/api/v9/x/3/", AllowWrites: true,
			Headers: map[string]secret.Text{"X-HTTP-Method": secret.New("DELETE")},
		}},
		"another method in the query": {probe: probe.Probe{Path: "/api/v9/x/3/?_method=DELETE"}, fault: "path overrides the method"},
		"another method in JSON": {probe: probe.Probe{
			Method: "POST", Path: "/api/v9/x/3/",
			JSON: map[string]any{"_method": "DELETE"},
		}, fault: "json overrides the method"},
		"another method in a form": {probe: probe.Probe{
			Method: "POST", Path: "/api/v9/x/3/",
			Body: secret.New("a=b&_method=DELETE"),
		}, fault: "body overrides the method"},
		"registering": {
			probe: probe.Probe{Method: "POST", Path: "/api/v1/iam/accounts/register/"},
			fault: "create accounts",
		},
		"replacing": {
			probe: probe.Probe{Method: "PUT", Path: "/api/v1/collections/3/experiences/"},
			fault: "it replaces the list of a collection",
		},
		"deleting an unknown endpoint": {
			probe: probe.Probe{Method: "DELETE", Path: "/api/v9/anything/3/"},
			fault: "a request with this method changes something",
		},
		"deleting": {
			probe: probe.Probe{Method: "DELETE", Path: "/api/v1/collections/3/"},
			fault: "it deletes a collection",
		},
		"putting to an unknown endpoint": {
			probe: probe.Probe{Method: "PUT", Path: "/api/v9/anything/3/"},
			fault: "a request with this method changes something",
		},
		"patching what is not documented": {
			probe: probe.Probe{Method: "PATCH", Path: "/api/v1/podcasts/3/"},
			fault: "a request with this method changes something",
		},
		"deleting an unknown endpoint, allowed": {probe: probe.Probe{Method: "DELETE", Path: "/api/v9/anything/3/", AllowWrites: true}},
		"HEAD where POST creates":               {probe: probe.Probe{Method: "HEAD", Path: "/api/v1/collections/"}},
		"OPTIONS where POST creates":            {probe: probe.Probe{Method: "OPTIONS", Path: "/api/v1/collections/"}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.probe.Method == "" {
				test.probe.Method = "GET"
			}
			warning, fault := reviewer.Review(&test.probe)
			if (fault != nil) != (test.fault != "") || fault != nil && !strings.Contains(fault.Error(), test.fault) {
				t.Errorf("want the fault %q, got %v", test.fault, fault)
			}
			if (warning != "") != (test.warning != "") || !strings.Contains(warning, test.warning) {
				t.Errorf("want the warning %q, got %q", test.warning, warning)
			}
		})
	}
}

// TestEveryEndpointOfTheListIsUsed checks that no line is hidden by an earlier one, and that every effect has a reason.
func TestEveryEndpointOfTheListIsUsed(t *testing.T) {
	text, err := os.ReadFile("endpoints.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var lines []struct{ Method, Path, Effect, Why string }
	if err := yaml.Load(text, &lines); err != nil || len(lines) < 40 {
		t.Fatalf("want the list, got %d lines and %v", len(lines), err)
	}
	reviewer, err := catalogue.NewReviewer()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		_, fault := reviewer.Review(&probe.Probe{Method: line.Method, Path: line.Path, JSON: map[string]any{"name": "x"}})
		switch {
		case !slices.Contains([]string{"", "creates", "publishes", "costs", "changes"}, line.Effect), (line.Effect == "") != (line.Why == ""):
			t.Errorf("%s %s: want a known effect with a reason, got %q, %q", line.Method, line.Path, line.Effect, line.Why)
		case (fault != nil) != (line.Effect != "") || fault != nil && !strings.Contains(fault.Error(), line.Why):
			t.Errorf("%s %s: want %q, got %v: does an earlier line match?", line.Method, line.Path, line.Why, fault)
		}
	}
}

func TestCatalogueProbesOnlyRead(t *testing.T) {
	reviewer, err := catalogue.NewReviewer()
	if err != nil {
		t.Fatal(err)
	}
	all, _, err := catalogue.Probes(catalogue.Options{Studio: "studio", Credential: "partner"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		probe.DefaultDefaults().Apply(&all[i])
		if warning, fault := reviewer.Review(&all[i]); fault != nil || warning != "" {
			t.Errorf("%s: %v %s", all[i].Name, fault, warning)
		}
	}
}
