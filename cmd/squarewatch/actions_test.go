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
		if told := s.inbox.take(); len(told) != 1 || !strings.Contains(told[0], "firing server-errors feed") {
			t.Fatalf("want it told, got %v", told)
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
		if told := s.inbox.take(); len(told) != 1 || !strings.Contains(told[0], "update server-errors feed") {
			t.Errorf("want the acknowledgement told, got %v", told)
		}
		if by := a.Overview().Incidents[0].Acknowledged; by == nil || by.By != "U0123ABCD" {
			t.Errorf("want who acknowledged known, got %+v", by)
		}
		until, err := a.Silence(id, "U0123ABCD", time.Hour)
		if err != nil || !until.Equal(time.Now().Add(time.Hour)) {
			t.Errorf("want it silenced for an hour, got %v, %v", until, err)
		}
		s.api.ClearFaults()
		s.after(30 * time.Minute)
		s.silence()
		s.after(time.Hour)
		synctest.Wait()
		if told := s.inbox.take(); len(told) != 1 || !strings.Contains(told[0], "resolved server-errors feed") {
			t.Errorf("want its end told when the silence ends, got %v", told)
		}
		if err := a.Acknowledge(id, "U0123ABCD"); err == nil {
			t.Error("want an error for what fires no more")
		}
		if _, err := a.Silence(id, "U0123ABCD", time.Hour); err == nil {
			t.Error("want an error for what fires no more")
		}
		s.stop()
	})
}
