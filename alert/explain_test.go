package alert_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"squarewatch/alert"
	"squarewatch/probe"
)

// culprits returns every culprit of package blame except the empty one. It reads them from the source, so that it has new ones too.
func culprits(t *testing.T) []probe.Blame {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../probe/blame/observation.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []probe.Blame
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		kind, named := spec.Type.(*ast.Ident)
		value, literal := spec.Values[0].(*ast.BasicLit)
		if named && kind.Name == "Culprit" && literal {
			if text, err := strconv.Unquote(value.Value); err == nil && text != "" {
				list = append(list, probe.Blame(text))
			}
		}
		return true
	})
	if len(list) < 10 {
		t.Fatalf("want at least ten culprits, got %v", list)
	}
	return list
}

// refused is an incident of one probe that is answered 401.
func refused(credential string) alert.Incident {
	return alert.Incident{
		Rule: "unauthenticated", Series: "feed", Per: alert.PerProbe, Condition: alert.ConditionRate, Runs: 5, Bad: 5,
		Classes:  []alert.ClassCount{{Class: probe.Unauthenticated, Code: 401, Runs: 5}},
		Examples: []alert.Example{{Probe: "feed", Credential: credential, At: start(), Class: probe.Unauthenticated, Code: 401}},
	}
}

func TestEveryCulpritHasASentence(t *testing.T) {
	for _, culprit := range culprits(t) {
		i := refused("partner")
		i.Blame = culprit
		explained, ok := i.Explain(alert.Wording{})
		if !ok || explained.Whose == "" || explained.Act == "" || i.Culprit(alert.Wording{}) == "" {
			t.Errorf("%s: want whose fault it is and what to do now, got %q, %q and %q: add it to culpritSentences",
				culprit, explained.Whose, explained.Act, i.Culprit(alert.Wording{}))
		}
		if strings.Contains(explained.Say+explained.Act, "  ") {
			t.Errorf("%s: two spaces in %q %q", culprit, explained.Say, explained.Act)
		}
	}
}

func TestARequestWithoutACredentialNamesNoCredential(t *testing.T) {
	anonymous, group := refused(""), refused("")
	group.Per, group.Series = alert.PerCredential, probe.NoCredential
	for _, i := range []alert.Incident{anonymous, group} {
		for _, culprit := range append(culprits(t), probe.BlameNone) {
			i.Blame = culprit
			explained, _ := i.Explain(alert.Wording{})
			if text := explained.Say + explained.Act; strings.Contains(text, "none") {
				t.Errorf("%s: want no credential named none, got %q", culprit, text)
			}
		}
	}
	i := refused("")
	explained, _ := i.Explain(alert.Wording{})
	if want := "The API refuses requests without a credential."; explained.Say != want {
		t.Errorf("want %q, got %q", want, explained.Say)
	}
}

func TestAnUnknownCulpritIsExplained(t *testing.T) {
	i := refused("partner")
	i.Blame, i.Advice = probe.BlameUnknown, "a run of another probe with this key would tell"
	i.Evidence = []probe.Evidence{
		{For: probe.BlameAPI, Text: "The login gave a token at once", At: start()}, {For: probe.BlameCredential, Text: "no other probe uses it"},
	}
	explained, _ := i.Explain(alert.Wording{})
	same(t, []string{
		"Our credential partner is refused. We cannot tell whose fault it is, because the login gave a token at once.",
		"A run of another probe with this key would tell.",
		"no other probe uses it",
	}, []string{explained.Say, explained.Act, explained.Reasons[0].Text})
}

func TestAServerErrorSaysWhereTheRequestsFailed(t *testing.T) {
	for code, want := range map[int]string{
		500: "The requests reached the API and failed there", 502: "The gateway's requests failed behind it",
		503: "The API itself or a gateway before it answers so", 504: "The gateway's requests failed behind it",
	} {
		i := refused("partner")
		i.Classes = []alert.ClassCount{{Class: probe.ServerError, Code: code, Runs: 5}}
		if explained, _ := i.Explain(alert.Wording{}); !strings.HasPrefix(explained.Act, want) {
			t.Errorf("%d: want %q, got %q", code, want, explained.Act)
		}
	}
}

func TestTheEndOfAnOutageOfOurNetworkSaysWhy(t *testing.T) {
	i := alert.Incident{
		Rule: alert.NetworkRule, Series: "all", Condition: alert.ConditionNetwork, Runs: 7, Bad: 7, Blame: probe.BlameNetwork,
		Evidence: []probe.Evidence{{For: probe.BlameNetwork, Text: "our own proxy accepted no connection"}},
	}
	explained, _ := i.Explain(alert.Wording{})
	want := "7 runs failed, and rules do not count them. Check the network, the proxy and the firewall of this machine."
	if explained.Act != want {
		t.Errorf("want %q, got %q", want, explained.Act)
	}
	i.Resolved = start()
	explained, _ = i.Explain(alert.Wording{})
	want = "7 runs failed, because our own proxy accepted no connection; rules do not count them."
	if explained.Act != want {
		t.Errorf("want %q, got %q", want, explained.Act)
	}
}
