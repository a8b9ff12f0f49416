package secret_test

import (
	"testing"

	"squarewatch/config/secret"
)

// TestAResolvedTextIsNotSearchedAgain resolves a text twice, as happens to a value that two merged mappings share.
func TestAResolvedTextIsNotSearchedAgain(t *testing.T) {
	for _, value := range []string{"pa$$word", "pa${x}word", "${env:OTHER}"} {
		text := secret.New("a $$ and ${env:NAME}")
		for range 2 {
			references, err := text.Resolve(func(secret.Reference) (string, error) { return value, nil })
			if err != nil || references != 1 || text.Reveal() != "a $ and "+value {
				t.Errorf("%q: got %q with %d references, %v", value, text.Reveal(), references, err)
			}
		}
	}
}
