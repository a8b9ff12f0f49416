package alert_test

import (
	"encoding/json"
	"testing"

	"squarewatch/alert"
)

// TestRenamedFieldsAreStoredByTheirFirstNames reads JSON that an earlier version stored.
func TestRenamedFieldsAreStoredByTheirFirstNames(t *testing.T) {
	var i alert.Incident
	if err := json.Unmarshal([]byte(`{"Settle": "ask", "Clearer": "2026-10-07T03:00:00Z", "Note": "removed"}`), &i); err != nil {
		t.Fatal(err)
	}
	if i.Advice != "ask" || i.BlameChangedAt.IsZero() || i.EndReason != "removed" {
		t.Errorf("want advice, time and reason, got %q, %v and %q", i.Advice, i.BlameChangedAt, i.EndReason)
	}
	var v alert.Verdict
	if err := json.Unmarshal([]byte(`{"Settle": "ask"}`), &v); err != nil || v.Advice != "ask" {
		t.Errorf("want advice, got %q, %v", v.Advice, err)
	}
}
