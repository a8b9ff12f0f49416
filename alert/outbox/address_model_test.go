package outbox_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	"squarewatch/alert"

	"pgregory.net/rapid"
)

// history is the last event that one place showed of each incident.
type history map[string]alert.Event

// follow returns the first message that contradicts what a place showed before; empty for none.
func (h history) follow(p *place) string {
	for _, n := range p.taken {
		for _, incident := range append([]alert.Incident{n.Incident}, n.Others...) {
			shown := h[incident.ID]
			if n.Event == alert.EventFiring == shown.Fires() {
				return fmt.Sprintf("%s receives %s of %s after %q", p.address, n.Event, incident.ID, shown)
			}
			h[incident.ID] = n.Event
		}
	}
	return ""
}

// step is one random change.
type step struct {
	event    alert.Event // of the incident; empty for a change of the configuration
	incident string
	places   map[string]int // by notifier
}

// steps draws changes: notifiers are added, removed, renamed and swap their addresses while incidents fire and end.
func steps(t *rapid.T) (list []step) {
	fires := map[string]bool{}
	for range rapid.IntRange(3, 20).Draw(t, "length") {
		id := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "incident")
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			to := rapid.Permutation([]int{0, 1, 2}).Draw(t, "places")
			names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"ops", "pager", "night"}), 1, 3, rapid.ID).Draw(t, "names")
			list = append(list, step{places: map[string]int{}})
			for k, name := range names {
				list[len(list)-1].places[name] = to[k]
			}
		default:
			event := alert.EventFiring
			if fires[id] {
				event = alert.EventResolved
			}
			fires[id] = !fires[id]
			list = append(list, step{event: event, incident: id})
		}
	}
	return list
}

// play takes the steps and returns the first fault; empty for none.
func (a *addresses) play(list []step) string {
	places := []*place{newPlace("0"), newPlace("1"), newPlace("2")}
	number, current := 0, map[string]int{"ops": 0}
	newest := map[string]string{} // the newest incident of each series
	set := func() {
		all := setUp{}
		for name, k := range current {
			all[name] = places[k]
		}
		a.configure(all)
	}
	set()
	for _, s := range list {
		switch {
		case s.places != nil:
			current = s.places
			set()
		case s.event.Fires():
			number++
			newest[s.incident] = fmt.Sprintf("%s%d", s.incident, number)
			a.fire(newest[s.incident])
		default:
			for k, p := range places {
				if !slices.Contains(slices.Collect(maps.Values(current)), k) {
					p.missed = append(p.missed, newest[s.incident])
				}
			}
			a.resolve(newest[s.incident])
		}
	}
	for k, p := range places {
		h := history{}
		if fault := h.follow(p); fault != "" {
			return fault
		}
		if !slices.Contains(slices.Collect(maps.Values(current)), k) {
			continue // the address is no longer configured
		}
		for id, event := range h {
			if event.Fires() != a.firing[id] && !slices.Contains(p.missed, id) {
				return fmt.Sprintf("%s shows %s of %s; the incident fires: %v", p.address, event, id, a.firing[id])
			}
		}
		for id := range a.firing {
			if !h[id].Fires() {
				return fmt.Sprintf("%s does not show that %s fires", p.address, id)
			}
		}
	}
	return ""
}

func TestEachPlaceShowsWhatFiresAfterRenamesAndSwaps(t *testing.T) {
	for name, restart := range map[string]bool{"reload": false, "restart": true} {
		t.Run(name, func(t *testing.T) {
			count := 0
			rapid.Check(t, func(r *rapid.T) {
				list, fault := steps(r), ""
				count++
				path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.db", count))
				synctest.Test(t, func(t *testing.T) {
					fault = (&addresses{t: t, path: path, restart: restart, firing: map[string]bool{}}).play(list)
				})
				if fault != "" {
					r.Fatalf("%s, after %+v", fault, list)
				}
			})
		})
	}
}
