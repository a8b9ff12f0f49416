package catalogue_test

import (
	"strings"
	"testing"

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
		probe        probe.Probe
		fault, doubt string
	}{
		"a read":                          {probe: probe.Probe{Path: "/api/v1/collections/?page_size=1"}},
		"an unknown read":                 {probe: probe.Probe{Path: "/api/v9/anything/"}},
		"an unknown POST":                 {probe: probe.Probe{Method: "POST", Path: "/api/v9/search/"}},
		"a POST that reads":               {probe: probe.Probe{Method: "POST", Path: "/api/v1/aistudios/metrics/", JSON: map[string]any{"url": "x"}}},
		"a POST without what it wants":    {probe: probe.Probe{Method: "POST", Path: "/api/v1/aistudios/metrics/"}, doubt: "wants url in its body, and answers 400"},
		"which is what is expected":       {probe: probe.Probe{Method: "POST", Path: "/api/v1/aistudios/metrics/", Expect: probe.Expect{Status: []probe.Selector{probe.MustSelector("400")}}}},
		"a body that is not looked into":  {probe: probe.Probe{Method: "POST", Path: "/api/v1/aistudios/metrics/", Body: secret.New("url=x")}},
		"a query without what it wants":   {probe: probe.Probe{Path: "/api/v1/aistudios/co-creators/?page=1"}, doubt: "wants publication_url in its query"},
		"creating":                        {probe: probe.Probe{Method: "POST", Path: "/api/v1/collections/"}, fault: "it creates something there"},
		"creating without the last slash": {probe: probe.Probe{Method: "POST", Path: "/api/v1/collections"}, fault: "it creates something there"},
		"creating, and meant":             {probe: probe.Probe{Method: "POST", Path: "/api/v1/collections/", AllowWrites: true}},
		"costing":                         {probe: probe.Probe{Method: "POST", Path: "/api/v1/podcasts/17/generate/"}, fault: "it costs something"},
		"publishing":                      {probe: probe.Probe{Method: "POST", Path: "/api/v1/videos/17/publish/?x=1"}, fault: "it publishes something"},
		"logging in":                      {probe: probe.Probe{Method: "POST", Path: "/api/v1/token/", JSON: map[string]any{"username": "a", "password": "b"}}, fault: "noted as a login"},
		"url alone":                       {probe: probe.Probe{Method: "POST", Path: "/api/v1/publications/publication/", JSON: map[string]any{"url": "x"}}},
		"url and more":                    {probe: probe.Probe{Method: "POST", Path: "/api/v1/publications/publication/", JSON: map[string]any{"url": "x", "name": "y"}}, fault: "a field beside url changes"},
		"deleting":                        {probe: probe.Probe{Method: "DELETE", Path: "/api/v1/collections/3/"}, fault: "such a request changes something"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.probe.Method == "" {
				test.probe.Method = "GET"
			}
			doubt, fault := reviewer.Review(&test.probe)
			if (fault != nil) != (test.fault != "") || fault != nil && !strings.Contains(fault.Error(), test.fault) {
				t.Errorf("want the fault %q, got %v", test.fault, fault)
			}
			if (doubt != "") != (test.doubt != "") || !strings.Contains(doubt, test.doubt) {
				t.Errorf("want the doubt %q, got %q", test.doubt, doubt)
			}
		})
	}
}

func TestOurOwnProbesOnlyRead(t *testing.T) {
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
		if doubt, fault := reviewer.Review(&all[i]); fault != nil || doubt != "" {
			t.Errorf("%s: %v %s", all[i].Name, fault, doubt)
		}
	}
}
