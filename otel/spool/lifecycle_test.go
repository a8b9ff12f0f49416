package spool_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/otel/spool"

	"github.com/google/go-cmp/cmp"
)

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, logs, dir := &collector{failure: errUnavailable}, &logBuffer{}, t.TempDir()
		client := start(t, c, spool.Options{Dir: dir, Logger: logs.logger()})
		upload(t, client, 1, 4, 1)
		before := time.Now()
		if err := client.Stop(after(t, 5*time.Second)); err != nil {
			t.Errorf("want a clean stop while the collector is down, got %v", err)
		}
		if took := time.Since(before); took != 4*time.Second || c.stops != 1 {
			t.Errorf("want Stop to take 4 s and to stop the wrapped client once, got %v and %d", took, c.stops)
		}
		logs.wantLines(t, 1, `are left on disk and are sent after the next start" batches=4`)
		if err := client.Add(t.Context(), newBatch(5, 2), 2); err == nil || client.Dropped() != 2 {
			t.Errorf("want an error after Stop and 2 spans dropped, got %v and %d", err, client.Dropped())
		}
		if err := client.Stop(t.Context()); err != nil {
			t.Errorf("second Stop: %v", err)
		}
		if err := client.Flush(t.Context()); err == nil {
			t.Error("want an error from Flush of a stopped client with unsent spans, got nil")
		}

		c.comeBack()
		client = start(t, c, spool.Options{Dir: dir, Logger: logs.logger()})
		logs.wantLines(t, 1, `of an earlier process are on disk and are sent now" batches=4`)
		if err := client.Stop(t.Context()); err != nil { // without Flush
			t.Error(err)
		}
		if diff := cmp.Diff(firsts(1, 4), c.accepted()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStartOnlyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, dir := &collector{}, t.TempDir()
		client := open(t, c, spool.Options{Dir: dir})
		upload(t, client, 1, 2, 1)
		wantError(t, client.Flush(after(t, time.Second)), context.DeadlineExceeded)
		if err := client.Stop(t.Context()); err != nil || c.stops != 0 {
			t.Errorf("want no error and no stop of a client that was not started, got %v and %d", err, c.stops)
		}
		if err := client.Start(t.Context()); err == nil {
			t.Error("want an error from Start after Stop, got nil")
		}
		client = start(t, c, spool.Options{Dir: dir})
		if err := client.Start(t.Context()); err == nil {
			t.Error("want an error from the second Start, got nil")
		}
		finish(t, client)
		if diff := cmp.Diff(firsts(1, 2), c.accepted()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	dir := t.TempDir()
	for name, options := range map[string]spool.Options{"no directory": {Limit: 1}, "no limit": {Dir: dir}} {
		if _, err := spool.New(&collector{}, options); err == nil {
			t.Errorf("%s: want an error, got nil", name)
		}
	}
	if _, err := spool.New(nil, spool.Options{Dir: dir, Limit: 1}); err == nil {
		t.Error("no client: want an error, got nil")
	}
}

// TestACollectorThatLimitsTheRateIsLoggedOnceAMinute has a collector that refuses every second upload. The log reports that once a minute,
// and not each time. When the collector then refuses all uploads, the log says so within a minute and some seconds.
func TestACollectorThatLimitsTheRateIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, logs := &collector{}, &logBuffer{}
		client := start(t, c, spool.Options{Dir: t.TempDir(), Logger: logs.logger()})
		for n := 1; n <= 60; n++ { // five minutes
			c.goDown()
			upload(t, client, n, n, 1)
			<-time.After(100 * time.Millisecond)
			c.comeBack()
			<-time.After(4900 * time.Millisecond)
		}
		logs.wantLines(t, 5, "spans do not reach the collector")
		logs.wantLines(t, 5, "spans reach the collector again")
		c.goDown()
		upload(t, client, 61, 61, 1)
		<-time.After(time.Minute + 15*time.Second)
		logs.wantLines(t, 6, "spans do not reach the collector")
		c.comeBack()
		finish(t, client)
		logs.wantLines(t, 6, "spans reach the collector again")
	})
}
