package outbox

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"squarewatch/alert"
)

// Destination is where a notifier delivers, and how patiently.
type Destination struct {
	Notifier  Notifier
	GroupWait time.Duration // a change waits this long for others of its rule; one message tells them all
}

// Options are what an Outbox needs.
type Options struct {
	Destinations map[string]Destination // by the notifiers' names
	Store        *Store                 // what outlives the process; nil to keep everything in memory
	Observer     DeliveryObserver       // nil for none
	Logger       *slog.Logger           // nil for none
	Rand         func() float64         // 0 to 1, for jitter; nil for a random source
	Grace        func() time.Duration   // asked when Run's context has ended: how long it may go on to deliver; 3 s when nil
}

// Backlog is what waits to be delivered by one notifier.
type Backlog struct {
	Notifier  string
	Pending   int           // changes of incidents
	OldestAge time.Duration // of the first of them; 0 when none waits
	LastError string        // of the last attempt; empty when it was taken
	Hearing   Hearing       // whether the notifier hears what people answer
}

// Outbox keeps what people are owed until they were told. Every destination has a sender of its own, so that none waits
// for another, and a message is only repeated when its fate is unknown.
//
// What changes while an incident still waits is folded into one message that tells the latest state: when it is resolved
// before anybody heard of it, one message RESOLVED says how long it fired.
//
// With a store, a change of state and the messages that it owes are one transaction, and nothing is sent before it is
// written. When the disk fails, people are told all the same, and what is missing on it is written when it is back.
type Outbox struct {
	options Options
	changed chan struct{} // destinations were replaced

	disk    sync.Mutex // orders what is written: held over I/O, and taken before mu
	unsaved *ledger    // what the disk did not take

	mu     sync.Mutex
	lanes  map[string]*lane  // as long as the outbox lives: a sender is never taken away while it sends
	stored map[string]stored // by notifier: what an earlier process left, until the notifier is there
	muting alert.Muting      // compared with what waits when it leaves
	fault  error             // of the last try to write
}

// stored is what an earlier process left of one destination.
type stored struct {
	owed []entry
	told map[string]toldOf
}

// New returns an outbox. Nothing is sent before Run.
func New(options Options) *Outbox {
	if options.Observer == nil {
		options.Observer = nobody{}
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Rand == nil {
		options.Rand = rand.Float64
	}
	if options.Grace == nil {
		options.Grace = func() time.Duration { return 3 * time.Second }
	}
	o := &Outbox{
		options: options, changed: make(chan struct{}, 1), unsaved: newLedger(),
		lanes: make(map[string]*lane), stored: make(map[string]stored),
	}
	if len(options.Destinations) > 0 {
		o.Replace(options.Destinations)
	}
	return o
}

// Load takes over what an earlier process left in the store: call it once, before Replace and Run. What cannot be read is
// told in the error; the rest is taken over all the same.
func (o *Outbox) Load(ctx context.Context) error {
	owed, errOwed := o.options.Store.owed(ctx)
	told, errTold := o.options.Store.toldSoFar(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, entries := range owed {
		o.stored[name] = stored{owed: entries}
	}
	for name, all := range told {
		o.stored[name] = stored{owed: o.stored[name].owed, told: all}
	}
	return errors.Join(errOwed, errTold)
}

// nobody observes nothing.
type nobody struct{}

// Delivered does nothing.
func (nobody) Delivered(string, error) {}

// Add keeps the state that a transition leads to, and owes it to its notifiers, or to all when it names none; to nobody when
// it is muted. It waits for the disk, never for a notifier.
func (o *Outbox) Add(t alert.Transition) {
	o.commit(func(l *ledger) {
		if t.Event != alert.EventTest && !t.Reannounced {
			l.note(t)
		}
		for _, name := range slices.Sorted(maps.Keys(o.lanes)) {
			o.lanes[name].receive(t, l)
		}
	})
}

// Keep writes where series that fire stand, between their transitions: what is counted in an incident must outlive the process.
func (o *Outbox) Keep(states []alert.SeriesState) {
	if o.options.Store == nil || len(states) == 0 {
		return
	}
	o.commit(func(l *ledger) {
		for _, state := range states {
			l.states[state.Incident] = state
		}
	})
}

// Mute replaces the silences that people have set. A silence also holds for what waits already: FIRING and UPDATE are then
// dropped, and the engine announces what still fires when the silence ends; an end waits until then.
func (o *Outbox) Mute(silences []alert.Silence) {
	o.remute(func(now time.Time) { o.muting.SetSilences(slices.Clone(silences), now) })
}

// Maintain replaces the maintenance of the configuration. It holds for what waits as a silence does.
func (o *Outbox) Maintain(maintenance []alert.Maintenance) {
	o.remute(func(now time.Time) { o.muting.SetMaintenance(slices.Clone(maintenance), now) })
}

func (o *Outbox) remute(change func(now time.Time)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(time.Now())
	for _, l := range o.lanes {
		l.nudge()
	}
}

// commit changes what is in memory, writes what the change puts into the ledger in one transaction, and only then lets it
// be sent. The change is made under mu.
func (o *Outbox) commit(change func(*ledger)) {
	o.disk.Lock()
	defer o.disk.Unlock()
	l := newLedger()
	o.mu.Lock()
	change(l)
	o.mu.Unlock()
	o.save(l)
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, row := range l.owed {
		if lane := o.lanes[row.notifier]; lane != nil {
			lane.queue.keep(id)
			lane.nudge()
		}
	}
}

// diskLimit bounds one try to write.
const diskLimit = 10 * time.Second

// save writes a ledger, with whatever the disk did not take earlier. The caller holds disk.
func (o *Outbox) save(l *ledger) {
	if o.options.Store == nil {
		return
	}
	o.unsaved.merge(l)
	if o.unsaved.isEmpty() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), diskLimit)
	defer cancel()
	err := o.options.Store.write(ctx, o.unsaved)
	if err == nil {
		o.unsaved = newLedger()
	}
	o.mu.Lock()
	before := o.fault
	o.fault = err
	o.mu.Unlock()
	switch {
	case err != nil && before == nil:
		o.options.Logger.Error("alerts cannot be written down; people are told all the same, but a restart would forget it",
			"error", err, "fix", "make room in state_dir, or make it writable")
	case err == nil && before != nil:
		o.options.Logger.Info("alerts are written down again")
	}
}

// Fault returns why the store does not take what changes; nil when it does.
func (o *Outbox) Fault() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.fault
}

// Replace takes the destinations of a new configuration. What waits for those that stay is tried again at once, since what
// refused it may have been mended; what waits for one that is gone is dropped, and said in the log.
func (o *Outbox) Replace(destinations map[string]Destination) {
	now := time.Now()
	o.commit(func(l *ledger) {
		for name, lane := range o.lanes {
			if _, stays := destinations[name]; !stays {
				lane.close(l)
			}
		}
		for name, d := range destinations {
			if o.lanes[name] == nil {
				o.lanes[name] = newLane(name, o)
				o.lanes[name].take(o.stored[name])
				delete(o.stored, name)
			}
			o.lanes[name].open(d, now)
		}
		o.dismiss(l)
	})
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

// dismiss drops what an earlier process left for notifiers that are gone. What they were told is remembered, for they may
// come back. The caller holds mu.
func (o *Outbox) dismiss(ledger *ledger) {
	for name, left := range o.stored {
		gone := newLane(name, o)
		gone.take(left)
		gone.close(ledger)
		if len(left.told) > 0 {
			o.lanes[name] = gone
		}
	}
	clear(o.stored)
}

// Run delivers until ctx ends, then tries to deliver what is left within the grace time, and returns.
func (o *Outbox) Run(ctx context.Context) {
	late, cancel := graced(ctx, o.options.Grace)
	defer cancel()
	var senders sync.WaitGroup
	defer senders.Wait()
	running := make(map[*lane]bool)
	for {
		for _, l := range o.all() {
			if !running[l] {
				running[l] = true
				senders.Go(func() { l.run(ctx, late) })
			}
		}
		if !o.await(ctx) {
			return
		}
	}
}

// diskRetry is how often a disk that failed is tried again when nothing else is written.
const diskRetry = 10 * time.Second

// await returns when destinations were replaced; false when ctx ended. Meanwhile it tries a disk that failed again.
func (o *Outbox) await(ctx context.Context) bool {
	ticker := time.NewTicker(diskRetry)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-o.changed:
			return true
		case <-ticker.C:
			if o.Fault() != nil {
				o.commit(func(*ledger) {}) //nolint:contextcheck // what is owed is written even while we stop
			}
		}
	}
}

// graced returns a context that ends some time after ctx.
func graced(ctx context.Context, grace func() time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(grace())
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-late.Done():
		}
	})
	return late, func() {
		stop()
		cancel()
	}
}

func (o *Outbox) all() []*lane {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := make([]*lane, 0, len(o.lanes))
	for _, name := range slices.Sorted(maps.Keys(o.lanes)) {
		list = append(list, o.lanes[name])
	}
	return list
}

// Pending returns how many changes wait for a notifier, when the first of them happened (zero for none), and why the last
// attempt failed (empty when it did not).
func (o *Outbox) Pending(name string) (count int, oldest time.Time, lastError string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if l := o.lanes[name]; l != nil {
		return l.pending()
	}
	return 0, time.Time{}, ""
}

// Status returns what waits for every notifier, by name.
func (o *Outbox) Status() []Backlog {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	list := make([]Backlog, 0, len(o.lanes))
	for _, name := range slices.Sorted(maps.Keys(o.lanes)) {
		if !o.lanes[name].active {
			continue
		}
		count, first, lastError := o.lanes[name].pending()
		b := Backlog{Notifier: name, Pending: count, LastError: lastError}
		if count > 0 {
			b.OldestAge = max(now.Sub(first), 0)
		}
		if listener, ok := o.lanes[name].destination.Notifier.(Listener); ok {
			b.Hearing = listener.Hearing()
		}
		list = append(list, b)
	}
	return list
}
