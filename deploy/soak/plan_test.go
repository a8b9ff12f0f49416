//go:build soak

package soak_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// fault is one thing that goes wrong. Its times count from the start of the soak.
type fault struct {
	Kind  string        `json:"kind"`
	At    time.Duration `json:"at"`
	Lasts time.Duration `json:"lasts"`
	Pick  uint64        `json:"pick"` // the kind chooses by it, for example an endpoint
}

func (f fault) String() string {
	return fmt.Sprintf("%s at %v for %v", f.Kind, f.At.Round(time.Second/10), f.Lasts.Round(time.Second/10))
}

const (
	// warmUp comes before the first fault: every probe has its series, and caches are filled.
	warmUp = 15 * time.Second
	// shortest and longest are how long a fault lasts, unless its kind says otherwise.
	shortest = 2 * time.Second
	longest  = 15 * time.Second
)

// draw returns the faults of a seed over a time. About every three seconds one begins, so that several go on at once. The kinds are dealt
// like cards: each comes as often as its weight says before any comes again.
func draw(seed uint64, length time.Duration) []fault {
	rng := rand.New(rand.NewPCG(seed, 0x5091))
	all := kinds()
	var plan []fault
	var deck []string
	for at := time.Duration(0); at < length; at += time.Second + time.Duration(rng.Int64N(int64(4*time.Second))) {
		if len(deck) == 0 {
			deck = weighted(all)
			rng.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		f := fault{Kind: deck[0], At: warmUp + at, Lasts: shortest + time.Duration(rng.Int64N(int64(longest-shortest))), Pick: rng.Uint64()}
		deck = deck[1:]
		if lasts := all[f.Kind].lasts; lasts > 0 {
			f.Lasts = lasts
		}
		f.Lasts = min(f.Lasts, warmUp+length-f.At)
		plan = append(plan, f)
	}
	return plan
}

// weighted returns the names of the kinds, each as often as it is to be drawn, in a fixed order.
func weighted(all map[string]kind) (names []string) {
	for name, k := range all {
		names = append(names, slices.Repeat([]string{name}, k.weight)...)
	}
	slices.Sort(names)
	return names
}

// replay returns the plan that an earlier soak printed.
func replay(text string) (plan []fault, err error) {
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		return nil, fmt.Errorf("-replay wants the list that a failed soak prints: %w", err)
	}
	for _, f := range plan {
		if _, ok := kinds()[f.Kind]; !ok {
			return nil, fmt.Errorf("-replay names the kind %q, which does not exist", f.Kind)
		}
	}
	return plan, nil
}

// shrink removes faults as long as what remains still fails, by halves and then by ever smaller parts (delta debugging: Zeller and
// Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002). It plays at most so many plans.
func shrink(plan []fault, plays int, fails func([]fault) bool) []fault {
	for parts := 2; len(plan) > 1 && plays > 0; {
		size := (len(plan) + parts - 1) / parts
		reduced := false
		for from := 0; from < len(plan) && plays > 0; from += size {
			rest := slices.Concat(plan[:from], plan[min(from+size, len(plan)):])
			plays--
			if len(rest) > 0 && fails(rest) {
				plan, parts, reduced = rest, max(parts-1, 2), true
				break
			}
		}
		switch {
		case reduced:
		case size == 1:
			return plan
		default:
			parts = min(2*parts, len(plan))
		}
	}
	return plan
}
