package probe

import (
	"context"
	"fmt"
	"strings"

	"squarewatch/config/setting"
)

// expectStatus requires the last answer to match one of the selectors; a 2xx if there are none.
func expectStatus(e *Expect) (check, error) {
	wanted := e.Status
	if len(wanted) == 0 {
		wanted = []Selector{MustSelector("2xx")}
	}
	for i, s := range wanted {
		if s.pattern.set == setUnexpected {
			return nil, &setting.Invalid{
				Field: fmt.Sprintf("expect.status[%d]", i), Problem: "is unexpected, which cannot be expected", Fix: "write codes, ranges or classes",
			}
		}
	}
	text := selectorList(wanted)
	return func(_ context.Context, seen *observation) string {
		if MatchAny(wanted, Outcome{Class: seen.last.Class, Code: seen.last.Code}) {
			return ""
		}
		switch {
		case seen.last.Class.IsTransport():
			return explain(seen.last.Class, seen.last, seen.timeout)
		case seen.redirect != "":
			return fmt.Sprintf("answered %d: %s", seen.last.Code, seen.redirect)
		}
		return fmt.Sprintf("answered %d, expected %s", seen.last.Code, text)
	}, nil
}

func selectorList(selectors []Selector) string {
	texts := make([]string, 0, len(selectors))
	for _, s := range selectors {
		texts = append(texts, s.String())
	}
	return strings.Join(texts, " or ")
}
