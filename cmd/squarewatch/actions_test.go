package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe/aisquaretest"
)

func TestActionsOfButtonsAndCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.after(2 * time.Minute)
		s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		s.after(2 * time.Minute)
		synctest.Wait()
		if messages := s.inbox.take(); len(messages) != 1 || !strings.Contains(messages[0], "firing server-errors feed") {
			t.Fatalf("want FIRING, got %v", messages)
		}
		a := actions{s.daemon}
		now := a.Overview()
		if len(now.Incidents) != 1 || now.Incidents[0].Series != "feed" || len(now.Backlog) != 1 || len(now.Series) == 0 {
			t.Fatalf("want the incident in the overview, got %+v", now)
		}
		id := now.Incidents[0].ID
		if err := a.Acknowledge(id, "U0123ABCD"); err != nil {
			t.Fatal(err)
		}
		s.after(5 * time.Second)
		if messages := s.inbox.take(); len(messages) != 1 || !strings.Contains(messages[0], "update server-errors feed") {
			t.Errorf("want UPDATE, got %v", messages)
		}
		if by := a.Overview().Incidents[0].Acknowledged; by == nil || by.By != "U0123ABCD" {
			t.Errorf("want the person who acknowledged the incident, got %+v", by)
		}
		until, err := a.Silence(id, "U0123ABCD", time.Hour)
		if err != nil || !until.Equal(time.Now().Add(time.Hour)) {
			t.Errorf("want the incident silenced for an hour, got %v, %v", until, err)
		}
		s.api.ClearFaults()
		s.after(30 * time.Minute)
		s.expectNoMessage()
		s.after(time.Hour)
		synctest.Wait()
		if messages := s.inbox.take(); len(messages) != 1 || !strings.Contains(messages[0], "resolved server-errors feed") {
			t.Errorf("want RESOLVED when the silence ends, got %v", messages)
		}
		if err := a.Acknowledge(id, "U0123ABCD"); err == nil {
			t.Error("want an error for an incident that no longer fires")
		}
		if _, err := a.Silence(id, "U0123ABCD", time.Hour); err == nil {
			t.Error("want an error for an incident that no longer fires")
		}
		s.stop()
	})
}
