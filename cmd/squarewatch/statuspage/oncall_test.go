package statuspage_test

import (
	"strings"
	"testing"

	"squarewatch/alert"
	"squarewatch/probe"
)

// TestEveryIncidentHasASectionOnCall checks that the page has the heading to which a message about each blame and condition links.
func TestEveryIncidentHasASectionOnCall(t *testing.T) {
	body := get(t, server(t, snapshot(t, false, "feed")), "/on-call").Body.Bytes()
	valid(t, body)
	page := string(body)
	incidents := []alert.Incident{
		{Condition: alert.ConditionAccess}, {Condition: alert.ConditionNoData}, {Condition: alert.ConditionNetwork},
		{Condition: alert.ConditionWatcher}, {},
	}
	for _, blame := range []probe.Blame{
		probe.BlameAPI, probe.BlameGateway, probe.BlameLoginService, probe.BlameCredential, probe.BlameRole, probe.BlameNetwork,
		probe.BlameResolver, probe.BlameWatcher, probe.BlameLeak, probe.BlameUnknown,
	} {
		incidents = append(incidents, alert.Incident{Condition: alert.ConditionRate, Blame: blame})
	}
	for i := range incidents {
		if section := incidents[i].Section(); !strings.Contains(page, `<h2 id="`+section+`">`) {
			t.Errorf("want a section %s on the page", section)
		}
	}
	if strings.Contains(page, ".md\"") || strings.Contains(page, "<script>") {
		t.Errorf("want no links to pages that the daemon does not serve, and no scripts, got\n%s", page)
	}
}
