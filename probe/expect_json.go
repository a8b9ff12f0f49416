package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/itchyny/gojq"

	"squarewatch/config/setting"
)

// halfValue is how gojq quotes a value that it cuts: no mask knows half a secret.
var halfValue = regexp.MustCompile(`\(["\[{].*? \.\.\.["\]}]\)`)

// expectJSON wants a jq expression to give something other than null and false. Its first output counts.
func expectJSON(e *Expect) (check, error) {
	if e.JSON == "" {
		return nil, nil //nolint:nilnil // no such expectation
	}
	query, err := gojq.Parse(e.JSON)
	if err != nil {
		return nil, &setting.Invalid{Field: "expect.json", Problem: "is no jq expression: " + err.Error(), Fix: `write one like .results | type == "array"`}
	}
	code, err := gojq.Compile(query) // no environment, no input functions, no modules: the answer is all it sees
	if err != nil {
		return nil, &setting.Invalid{Field: "expect.json", Problem: "cannot be compiled: " + err.Error(), Fix: "use only functions and variables that jq defines"}
	}
	shown := cut(e.JSON, 80)
	return func(ctx context.Context, seen *observation) string {
		if len(seen.body) == 0 && seen.last.Class.IsTransport() {
			return ""
		}
		var input any
		if err := json.Unmarshal(seen.body, &input); err != nil {
			return fmt.Sprintf("answered %d with a body that is not JSON", seen.last.Code)
		}
		output, ok := code.RunWithContext(ctx, input).Next()
		if err, failed := output.(error); failed {
			return fmt.Sprintf("the answer does not fit %s: %s", shown, seen.secrets.tidy(halfValue.ReplaceAllLiteralString(err.Error(), "(…)"), 120))
		}
		if !ok || output == nil || output == false {
			return "the answer does not fit " + shown
		}
		return ""
	}, nil
}
