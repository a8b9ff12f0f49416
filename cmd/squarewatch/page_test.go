package main

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/cmd/squarewatch/statuspage"
)

// home reads the home page of a daemon from an address that answers with JSON.
func (s *scene) home(address string) *statuspage.Home {
	s.t.Helper()
	_, body := s.get(address)
	home := &statuspage.Home{}
	if err := json.Unmarshal([]byte(body), home); err != nil {
		s.t.Fatalf("%s is not a page: %v", address, err)
	}
	return home
}

func TestThePageShowsWhatAnEarlierProcessLeft(t *testing.T) {
	file := keptFile(t)
	synctest.Test(t, func(t *testing.T) {
		first := newSceneWith(t, file, func(*Options) {})
		first.after(2 * time.Minute)
		first.stop()
		<-time.After(time.Minute) // no daemon runs
		second := newSceneWith(t, file, func(*Options) {})
		second.after(time.Minute)
		synctest.Wait()
		home := second.home("/index.json")
		second.stop()
		at := slices.IndexFunc(home.Healthy, func(r statuspage.Row) bool { return r.Probe == "feed" })
		if at < 0 {
			t.Fatalf("feed is not among the healthy probes: %+v", home.Healthy)
		}
		kinds := map[statuspage.CellKind]int{}
		for _, c := range home.Healthy[at].Cells {
			kinds[c.Kind]++
		}
		if kinds[statuspage.CellGood] != 18 || kinds[statuspage.CellMissed] != 1 {
			t.Errorf("want 12 runs of the first process, one mark for those that were missed, and 6 runs, got %v", kinds)
		}

		third := newSceneWith(t, file, func(*Options) {})
		defer third.stop()
		third.after(time.Minute)
		synctest.Wait()
		if got := third.daemon.strips.MissedOn(time.Now()); got < 6 {
			t.Errorf("want the count to include the runs missed before the second process, got %d", got)
		}
	})
}

func TestStripsShowTheSilencesOfAnEarlierProcess(t *testing.T) {
	file := keptFile(t)
	synctest.Test(t, func(t *testing.T) {
		first := newSceneWith(t, file, func(*Options) {})
		first.after(time.Minute)
		first.silenceFeed(30 * time.Second)
		first.after(time.Minute)
		first.stop()
		second := newSceneWith(t, file, func(*Options) {})
		defer second.stop()
		second.after(time.Minute)
		synctest.Wait()
		silenced := map[string]int{}
		for _, row := range second.home("/index.json").Healthy {
			for _, c := range row.Cells {
				if c.Silenced {
					silenced[row.Probe]++
				}
			}
		}
		if len(silenced) != 1 || silenced["feed"] != 3 {
			t.Errorf("want the 3 runs of feed in those 30 s silenced, got %v", silenced)
		}
	})
}

// marks returns the ends of the runs of a probe that are marked as the first with a new configuration, relative to since.
func (s *scene) marks(probe string, since time.Time) (list []time.Duration) {
	s.t.Helper()
	for _, row := range s.home("/index.json").Healthy {
		for _, c := range row.Cells {
			if row.Probe == probe && c.Reloaded {
				list = append(list, c.At.Sub(since).Truncate(10*time.Second))
			}
		}
	}
	return list
}

func TestStripsShowTheStartsAndReloadsOfAnEarlierProcess(t *testing.T) {
	file := keptFile(t)
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		first := newSceneWith(t, file, func(*Options) {})
		first.after(time.Minute)
		first.reload(file)
		first.after(time.Minute)
		synctest.Wait()
		before := first.marks("feed", begin)
		first.stop()
		second := newSceneWith(t, file, func(*Options) {})
		defer second.stop()
		second.after(time.Minute)
		synctest.Wait()
		after := second.marks("feed", begin)
		if len(before) == 0 || len(after) != len(before)+1 || !slices.Equal(after[:len(before)], before) {
			t.Errorf("want the marks %v, and one of the second start, got %v", before, after)
		}
	})
}
