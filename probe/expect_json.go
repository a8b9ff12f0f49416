package probe

import (
	"context"
	"fmt"
	"regexp"

	"github.com/itchyny/gojq"

	"squarewatch/config/setting"
	"squarewatch/probe/redact"
)

// halfValue matches a value that gojq has shortened in an error. Half a secret would not be recognized, so it is removed.
var halfValue = regexp.MustCompile(`\(["\[{].*? \.\.\.["\]}]\)`)

// expectJSON requires the first output of a jq expression to be neither null nor false.
func expectJSON(e *Expect) (check, error) {
	if e.JSON == "" {
		return nil, nil //nolint:nilnil // no such expectation
	}
	query, err := gojq.Parse(e.JSON)
	if err != nil {
		return nil, &setting.Invalid{
			Field: "expect.json", Problem: "is not a jq expression: " + err.Error(), Fix: `write one such as .results | type == "array"`,
		}
	}
	code, err := gojq.Compile(query) // without environment, input functions and modules: it reads only the answer
	if err != nil {
		return nil, &setting.Invalid{
			Field: "expect.json", Problem: "cannot be compiled: " + err.Error(), Fix: "use only functions and variables that jq defines",
		}
	}
	shown := redact.Cut(e.JSON, 80)
	return func(ctx context.Context, seen *observation) string {
		if len(seen.body) == 0 && seen.last.Class.IsTransport() {
			return ""
		}
		input, err := parseJSON(seen.body)
		if err != nil {
			return notJSON(seen, err)
		}
		output, ok := evaluateLimited(ctx, code, input)
		if err, failed := output.(error); failed {
			text := seen.secrets.Text(halfValue.ReplaceAllLiteralString(err.Error(), "(…)"), 120)
			return fmt.Sprintf("the answer does not match %s: %s", shown, text)
		}
		if !ok || output == nil || output == false {
			return "the answer does not match " + shown
		}
		return ""
	}, nil
}
