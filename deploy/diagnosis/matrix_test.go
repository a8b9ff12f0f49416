//go:build diagnosis

package diagnosis_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What the daemon must reach, in percent of all cases and in cases.
const (
	goalRightAndOnce  = 99.0
	goalWrongDelicate = 0
)

var (
	onlyRows = flag.String("rows", "", "run the rows whose name or reference matches this `pattern`")
	seeds    = flag.Int("seeds", 3, "how often each row runs, each time with another seed")
	logs     = flag.Bool("logs", false, "show what the daemon wrote in the cases that are not right")
	atOnce   = flag.Int("at-once", 28, "how many cases with the stand-in run at the same time")
	sites    = flag.Int("sites-at-once", 8, "how many cases with the real stack run at the same time")
)

// How long the parts of a case last.
const (
	longBefore = 6 * time.Second  // all is well, at least
	longFault  = 18 * time.Second // something is broken, unless the row says more
	longAfter  = 10 * time.Second // all is well again, at least
	longQuiet  = 3 * time.Second  // nothing fires and no message waits, at the end
	longest    = 60 * time.Second // until all is quiet; a row with slow rules takes longer
)

// TestMatrix breaks everything that the rows say, and compares the messages that people get with what was broken.
func TestMatrix(t *testing.T) {
	pattern, err := regexp.Compile("(?i)" + *onlyRows)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(prepared.folder) })
	all, began := cases(pattern), time.Now()
	matrix := &runner{binary: binary, folder: t.TempDir(), began: began}
	go matrix.timers.measure(t.Context())
	matrix.runAll(t.Context(), all)
	explain(os.Stdout, all, *logs)
	fmt.Println()
	print(os.Stdout, all)
	fmt.Printf("%d cases in %v; %d of them again, because the machine was too busy or a message came before the fault\n",
		len(all), time.Since(began).Round(time.Second), matrix.again.Load())
	for _, o := range all {
		if o.err != nil {
			t.Errorf("%s, seed %d: the matrix itself failed: %v", o.row.name, o.seed, o.err)
		}
	}
	switch t0 := sum(all, func(*outcome) bool { return true }); {
	case t0.n == 0:
		t.Error("no case ran")
	case share(t0.good, t0.n) < goalRightAndOnce:
		t.Errorf("want %v %% of the cases right and announced once, got %.1f %%", goalRightAndOnce, share(t0.good, t0.n))
	case t0.delicate > goalWrongDelicate:
		t.Errorf("%d messages about security or about what we should mend are wrong, the goal is %d", t0.delicate, goalWrongDelicate)
	}
}

// cases returns the rows that a pattern selects, with all seeds.
func cases(pattern *regexp.Regexp) (all []*outcome) {
	for _, r := range rows() {
		if !pattern.MatchString(r.name) && !pattern.MatchString(r.ref) {
			continue
		}
		for seed := range *seeds {
			all = append(all, &outcome{row: &r, seed: uint64(seed + 1)})
		}
	}
	return all
}

// rows returns every row of the matrix.
func rows() []row {
	return slices.Concat(serverRows(), gatewayRows(), networkRows(), credentialRows(), loginRows(), leakRows(), watcherRows(), djangoRows())
}

// runner runs the cases of the matrix.
type runner struct {
	binary, folder string
	timers         lateTimers
	number         atomic.Int64 // of stages so far
	again          atomic.Int64 // cases that were played again
	began          time.Time
}

// runAll runs cases, the longest first.
func (h *runner) runAll(ctx context.Context, all []*outcome) {
	order := slices.Clone(all)
	slices.SortStableFunc(order, func(a, b *outcome) int { return int(weight(b.row) - weight(a.row)) })
	simple, real := make(chan int, len(order)), make(chan int, len(order))
	for i, o := range order {
		if o.row.setup.django == nil {
			simple <- i
		} else {
			real <- i
		}
	}
	close(simple)
	close(real)
	var workers sync.WaitGroup
	work := func(next chan int) {
		for i := range next {
			h.play(ctx, order[i])
		}
	}
	for range *atOnce {
		workers.Go(func() { work(simple) })
	}
	for range *sites {
		workers.Go(func() { work(real) })
	}
	workers.Wait()
}

// play plays one case, and again if it is not good and the machine was too busy for it.
func (h *runner) play(ctx context.Context, o *outcome) {
	for try := 1; ; try++ {
		*o = outcome{row: o.row, seed: o.seed}
		from := time.Now()
		o.run(ctx, h.binary, h.folder, int(h.number.Add(1)))
		disturbed := o.err != nil || !o.good() && h.timers.missed(from, time.Now())
		if !disturbed || try == maxTries || time.Since(h.began) > longReplay {
			fmt.Printf("%s, seed %d: %s\n", o.row.name, o.seed, o.short())
			return
		}
		h.again.Add(1)
	}
}

// weight is about how long a row takes.
func weight(r *row) time.Duration {
	w := max(r.lasts, longFault)
	if r.setup.smallest {
		w += 3 * time.Minute
	}
	if r.ends || r.want[0] == leak {
		w += time.Minute // our own network must have been good for so long, or access refused
	}
	return w
}

// run plays one case: all is well, something breaks, and all is well again.
func (o *outcome) run(ctx context.Context, binary, parent string, number int) {
	folder, err := os.MkdirTemp(parent, "case")
	if err != nil {
		o.err = err
		return
	}
	s, err := newStage(o.row.setup, folder, number, o.seed)
	if err != nil {
		o.err = err
		return
	}
	defer s.close()
	if o.err = s.startDaemon(ctx, binary); o.err != nil {
		return
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	reader := s.read(ctx)
	rest(ctx, longBefore+time.Duration(s.chance()*float64(6*time.Second)))
	if early := reader.all(); len(early) > 0 {
		o.err = fmt.Errorf("a message came before anything broke: %s", early[0].text)
		return
	}
	o.began = time.Now()
	o.err = o.row.harm(s)
	rest(ctx, max(o.row.lasts, longFault))
	if reader.fired() == 0 && o.row.want[0] != nobody && !o.row.ends {
		rest(ctx, longFault/2)
	}
	if first := s.front.first(); first.After(o.began) {
		o.began = first
	}
	o.healed = time.Now()
	o.err = errors.Join(o.err, s.heal(), o.calm(ctx, s))
	o.messages, o.log = reader.all(), s.daemon.log.String()
	o.judge()
}

// calm waits until nothing fires any more.
func (o *outcome) calm(ctx context.Context, s *stage) error {
	limit := longest
	if weight(o.row) > longest {
		limit = 5 * time.Minute
	}
	quietSince := time.Time{}
	for time.Since(o.healed) < limit {
		now, err := s.daemon.status(ctx)
		switch {
		case err != nil || !now.quiet():
			quietSince = time.Time{}
		case quietSince.IsZero():
			quietSince = time.Now()
		case time.Since(quietSince) > longQuiet && time.Since(o.healed) > longAfter:
			return nil
		}
		if !rest(ctx, 300*time.Millisecond) {
			return ctx.Err()
		}
	}
	return nil // the missing end is in the outcome
}
