package main

import (
	"testing"
	"time"

	"squarewatch/alert"
)

func TestPastSilencesEndWhenTheyAreRemoved(t *testing.T) {
	now := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	short := alert.Silence{ID: "short", From: now, Until: now.Add(time.Minute)}
	long := alert.Silence{ID: "long", From: now, Until: now.Add(time.Hour)}
	var p pastSilences
	p.update([]alert.Silence{short, long}, now)
	p.update([]alert.Silence{long}, now.Add(2*time.Minute))
	p.update(nil, now.Add(10*time.Minute))
	got := p.list()
	if len(got) != 2 || !got[0].End().Equal(short.Until) || !got[1].End().Equal(now.Add(10*time.Minute)) {
		t.Errorf("want one silence that ended at its own end, and one that was removed, got %+v", got)
	}
	if p.update(nil, now.Add(listedFor+5*time.Minute)); len(p.list()) != 1 {
		t.Errorf("want the silence that ended first forgotten after a week, got %+v", p.list())
	}
}
