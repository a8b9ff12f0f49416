package main

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	modelSeeds  = flag.Uint64("model.seeds", 8, "how many histories the model of the whole daemon plays")
	modelFirst  = flag.Uint64("model.first", 1, "the first seed")
	modelShrink = flag.Bool("model.shrinks", true, "look for the shortest list of steps that fails")
	modelKeep   = flag.String("model.keep", "", "the `numbers` of the steps to keep, with commas, as a failure prints them; empty for all")
)

// TestTheDaemonKeepsItsPromises plays histories, each drawn from a seed: a whole daemon with a configuration, what its target answers, what
// people do, reloads, restarts, kills, and places that refuse messages. Afterwards a plain reference computes which messages every place
// must have received. A failure names the seed and the shortest list of steps that still fails in the same way.
func TestTheDaemonKeepsItsPromises(t *testing.T) {
	for seed := *modelFirst; seed < *modelFirst+*modelSeeds; seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			checkSeed(t, seed)
		})
	}
}

// checkSeed plays the history of a seed.
func checkSeed(t *testing.T, seed uint64) {
	t.Helper()
	plan := drawModelPlan(seed)
	kept := modelSteps(t, &plan)
	log, broken := checkModel(t, plan.only(kept))
	if len(broken) == 0 {
		return
	}
	promise, _, _ := strings.Cut(broken[0], ":")
	kept = shrinkModel(kept, *modelShrink, func(kept []int) bool {
		shorter, faults := checkModel(t, plan.only(kept))
		isSame := slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, promise) })
		if isSame {
			log, broken = shorter, faults
		}
		return isSame
	})
	t.Fatal(explainModel(seed, &plan, kept, broken) + describeModel(log))
}

// modelSteps returns the numbers of the steps to play.
func modelSteps(t *testing.T, plan *modelPlan) (kept []int) {
	t.Helper()
	if *modelKeep == "" {
		for i := range plan.steps {
			kept = append(kept, i)
		}
		return kept
	}
	for text := range strings.SplitSeq(*modelKeep, ",") {
		i, err := strconv.Atoi(text)
		if err != nil || i < 0 || i >= len(plan.steps) {
			t.Fatalf("-model.keep: there is no step %q", text)
		}
		kept = append(kept, i)
	}
	return kept
}

// only returns a plan with some of the steps.
func (p *modelPlan) only(kept []int) modelPlan {
	shorter := modelPlan{first: p.first}
	for _, i := range kept {
		shorter.steps = append(shorter.steps, p.steps[i])
	}
	return shorter
}

// checkModel plays a plan and returns which promises it breaks.
func checkModel(t *testing.T, plan modelPlan) (*modelLog, []string) {
	t.Helper()
	log := play(t, memoryDir(t), plan)
	return log, judgeModel(log)
}

// shrinkModel leaves out one step after another, as long as the rest still fails.
func shrinkModel(kept []int, wanted bool, fails func([]int) bool) []int {
	for reduced := wanted; reduced; {
		reduced = false
		for i := range slices.Backward(kept) {
			if rest := slices.Delete(slices.Clone(kept), i, i+1); len(rest) > 0 && fails(rest) {
				kept, reduced = rest, true
			}
		}
	}
	return kept
}

// explainModel says what failed, and how to repeat it.
func explainModel(seed uint64, plan *modelPlan, kept []int, broken []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d breaks:\n", seed)
	for _, fault := range broken[:min(len(broken), 8)] {
		fmt.Fprintf(&b, "  %s\n", fault)
	}
	fmt.Fprintf(&b, "with:\n%s\nand then:\n", plan.first.text("none"))
	var numbers []string
	for _, i := range kept {
		numbers = append(numbers, strconv.Itoa(i))
		fmt.Fprintf(&b, "  %s\n", plan.steps[i].String())
	}
	fmt.Fprintf(&b, "go test -run TestTheDaemonKeepsItsPromises ./cmd/squarewatch -model.first %d -model.seeds 1 -model.keep %s\n", seed,
		strings.Join(numbers, ","))
	return b.String()
}
