package statuspage_test

import (
	"net/http"
	"slices"
	"testing"

	"squarewatch/cmd/squarewatch/statuspage"
)

func TestStripsKeepTheNewestRunsAndWhatReadersHold(t *testing.T) {
	strips := statuspage.NewStrips()
	for second := range 70 {
		strips.Finished(run("feed", second, http.StatusOK))
	}
	held := strips.Recent("feed").Cells
	before := slices.Clone(held)
	for second := range 70 {
		strips.Finished(run("feed", 70+second, http.StatusOK))
	}
	if len(held) != 60 || !slices.Equal(held, before) {
		t.Errorf("what a reader holds changed: %d cells", len(held))
	}
	now := strips.Recent("feed").Cells
	if len(now) != 60 || !now[59].At.Equal(run("feed", 139, http.StatusOK).End) || !now[0].At.Equal(run("feed", 80, http.StatusOK).End) {
		t.Errorf("want the newest 60 runs, got %d from %v", len(now), now[0].At)
	}
}
