package golden

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// CheckSection fails the test if the part of a Markdown page between the comments of a name is another text than got. With update it writes
// got there; make docs calls the tests with their flag -update.
func CheckSection(t *testing.T, path, name, got string, update bool) {
	t.Helper()
	content, err := os.ReadFile(path) //nolint:gosec // the test names the file
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+": written by make docs -->\n", "<!-- end of "+name+" -->"
	before, rest, found := strings.Cut(string(content), begin)
	want, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("want a part between %q and %q in %s", begin, end, path)
	}
	if update {
		text := []byte(before + begin + got + end + after)
		if err := os.WriteFile(path, text, 0o600); err != nil { //nolint:gosec // the test names the file
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the %s of %s differ; run make docs (-want +got):\n%s", name, path, diff)
	}
}
