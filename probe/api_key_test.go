package probe_test

import (
	"net/http"
	"testing"
	"time"

	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

func TestExpectedAnswersByPrincipal(t *testing.T) {
	api := aisquaretest.New(aisquaretest.Options{})
	api.AddKey("ada", "ada-key")
	api.AddKey("eve", "eve-key")
	api.AddStudio(aisquaretest.Studio{URL: "lab", Visibility: aisquaretest.Private, Owner: "partner", Members: []string{"ada"}})
	server := aisquaretest.Start(api)
	defer server.Close()
	keys := map[string]probe.Credential{}
	for name, key := range map[string]string{"owner": aisquaretest.DefaultKey, "member": "ada-key", "outsider": "eve-key"} {
		credential, err := probe.NewAPIKey(probe.APIKeySettings{APIKey: secret.New(key)})
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = credential
	}
	for credential, status := range map[string]string{"owner": "200", "member": "200", "outsider": "404", probe.NoCredential: "401"} {
		r := job(t, server.URL, probe.Probe{
			Method: http.MethodPost, Path: "/api/v1/aistudios/permission/", JSON: map[string]any{"url": "lab"},
			Credential: credential, Expect: probe.Expect{Status: selectors(status)},
		}, probe.RunnerOptions{Credentials: keys}).Run(t.Context(), time.Now())
		if !r.Expected {
			t.Errorf("%s: %s", credential, r.Reason)
		}
	}
}
