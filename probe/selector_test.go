package probe_test

import (
	"fmt"
	"strings"
	"testing"

	"squarewatch/probe"
)

func TestSelectorsMatch(t *testing.T) {
	healthy := probe.Outcome{Class: probe.Success, Code: 200, Expected: true}
	refused := probe.Outcome{Class: probe.Unauthenticated, Code: 401}
	expectedRefusal := probe.Outcome{Class: probe.Unauthenticated, Code: 401, Expected: true}
	broken := probe.Outcome{Class: probe.ServerError, Code: 503}
	late := probe.Outcome{Class: probe.Timeout}
	stopped := probe.Outcome{}
	for text, want := range map[string][]probe.Outcome{
		"200": {healthy}, "2xx": {healthy}, "success": {healthy},
		"401": {refused, expectedRefusal}, "4xx": {refused, expectedRefusal}, "unauthenticated": {refused, expectedRefusal},
		"500": nil, "5xx": {broken}, "server_error": {broken},
		"timeout": {late}, "transport": {late}, "unexpected": {refused, broken, late},
	} {
		picked := map[probe.Outcome]bool{}
		for _, o := range want {
			picked[o] = true
		}
		for _, o := range []probe.Outcome{healthy, refused, expectedRefusal, broken, late, stopped} {
			if got := probe.MustSelector(text).Match(o); got != picked[o] {
				t.Errorf("%s on %+v: want %v, got %v", text, o, picked[o], got)
			}
		}
	}
}

func TestInvalidSelectorSaysWhatToWrite(t *testing.T) {
	for _, text := range []string{"", "600", "099", "6xx", "50x", "Xxx", "5XX", "ok", "1000", "-50", "5 0"} {
		if _, err := probe.ParseSelector(text); err == nil || !strings.Contains(err.Error(), "write a code") {
			t.Errorf("%q: want an error that says what to write, got %v", text, err)
		}
	}
}

func TestEveryClassHasANameThatReadsBack(t *testing.T) {
	for _, class := range probe.Classes() {
		var back probe.Class
		if err := back.UnmarshalText([]byte(class.String())); err != nil || back != class {
			t.Errorf("%v: read back as %v, %v", class, back, err)
		}
		if _, err := probe.ParseSelector(class.String()); err != nil {
			t.Errorf("%v is not a selector: %v", class, err)
		}
	}
}

func TestEveryCodeHasOneClass(t *testing.T) {
	for code := 100; code < 600; code++ {
		class := probe.ClassOfStatus(code)
		if (class == probe.ProtocolError) != (code < 200) {
			t.Errorf("%d is %v", code, class)
		}
	}
}

func FuzzParseSelector(f *testing.F) {
	for _, seed := range []string{"500", "5xx", "timeout", "transport", "unexpected", "", "\xff", "9xx"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := probe.ParseSelector(text)
		if err != nil {
			return
		}
		if s.String() != text {
			t.Errorf("%q became %q", text, s)
		}
		again, err := probe.ParseSelector(s.String())
		if err != nil || again != s {
			t.Errorf("%q does not read back: %v", text, err)
		}
	})
}

func ExampleSelector() {
	s := probe.MustSelector("5xx")
	fmt.Println(s.Match(probe.Outcome{Class: probe.ServerError, Code: 502}))
	fmt.Println(s.Match(probe.Outcome{Class: probe.Timeout}))
	// Output:
	// true
	// false
}
