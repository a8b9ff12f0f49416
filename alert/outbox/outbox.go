package outbox

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"squarewatch/alert"
)

// Destination is a notifier with the delay that groups its messages.
type Destination struct {
	Notifier  Notifier
	GroupWait time.Duration // how long a change waits for other changes of its rule, so that one message reports them all
}

// Options configure an Outbox.
type Options struct {
	Destinations map[string]Destination // by notifier name
	Store        *Store                 // keeps messages and states over restarts; nil to keep everything in memory
	StoreLater   bool                   // the store is not open yet; Recover sets it later
	Observer     DeliveryObserver       // nil for none
	Logger       *slog.Logger           // nil for none
	Rand         func() float64         // returns 0 to 1, for jitter; nil for a random source
	// Dropped is called with each incident whose FIRING or UPDATE was dropped because of a silence, if no notifier shows the incident as
	// firing. Nil for none.
	Dropped func(incident string)
	Grace   func() time.Duration // how long Run continues to deliver after its context has ended; called at that time; 3 s when nil
}

// Outbox keeps each message until it is delivered. Every destination has its own sender and queue, so a slow destination delays no other.
// A message is repeated only when the outbox cannot know whether the destination received it.
//
// A change of an incident that still waits is folded into the waiting message, which then reports the latest state. If an incident
// resolves before its FIRING was delivered, the destination receives one RESOLVED that says how long the incident fired.
//
// With a store, a change of state and its messages are one transaction, and nothing is sent before that transaction is written. When the
// disk fails, or does not answer within a second, messages are sent without it. What is missing is written when the disk works again.
type Outbox struct {
	options Options
	changed chan struct{} // signals that Replace changed the destinations

	disk   diskLock // serializes writes: held while delivery waits for the disk, and locked before mu
	writer writer   // guarded by disk

	mu         sync.Mutex
	senders    map[senderKey]*sender // a sender is never removed, since it may be sending
	muting     alert.Muting          // silences and maintenance, checked again when a message is sent
	notes      map[string][]Note     // by incident, for messages: oldest first
	deliveries map[string]time.Time  // by notifier: when an earlier process last delivered a message about an incident
	writeError error                 // error of the last write; nil when it succeeded
}

// New returns an outbox. It sends nothing until Run is called.
func New(options Options) *Outbox {
	if options.Observer == nil {
		options.Observer = noObserver{}
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
		options: options, changed: make(chan struct{}, 1), disk: make(diskLock, 1),
		writer:  writer{store: options.Store, wanted: options.Store != nil || options.StoreLater, unwritten: newBatch()},
		senders: make(map[senderKey]*sender), notes: make(map[string][]Note),
	}
	if len(options.Destinations) > 0 {
		o.Replace(options.Destinations)
	}
	return o
}

// Load reads what an earlier process left in the store. Call it once, before Replace and Run. If some rows cannot be read, Load returns
// an error for them and loads the others.
func (o *Outbox) Load(ctx context.Context) error {
	return o.load(ctx, o.options.Store)
}

func (o *Outbox) load(ctx context.Context, store *Store) error {
	queued, errQueued := store.entries(ctx)
	receipts, errReceipts := store.receipts(ctx)
	deliveries, errDeliveries := store.lastDeliveries(ctx)
	notes, errNotes := store.notesOfFiring(ctx)
	reports, errReports := store.reports(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.deliveries = deliveries
	o.loadNotesLocked(notes)
	for key, entries := range queued {
		o.senderLocked(key).loadEntriesLocked(entries)
	}
	for key, all := range receipts {
		o.senderLocked(key).loadReceiptsLocked(all)
	}
	for key, left := range reports {
		o.senderLocked(key).loadReportsLocked(left)
	}
	return errors.Join(errQueued, errReceipts, errDeliveries, errNotes, errReports)
}

// Recover sets the store that could not be opened at the start, while the outbox runs. It queues what an earlier process left there, and
// writes what changed since the start. If some rows cannot be read, Recover returns an error for them and loads the others.
func (o *Outbox) Recover(ctx context.Context, store *Store) error {
	err := o.load(ctx, store) // before this outbox writes to it
	o.disk.Lock()
	o.writer.store = store
	o.disk.Unlock()
	o.commit(o.handOverLocked) //nolint:contextcheck // the write must finish although ctx ended
	return err
}

// noObserver ignores every delivery.
type noObserver struct{}

// Delivered does nothing.
func (noObserver) Delivered(string, error) {}

// Add records the state of a transition and queues a message for each notifier that it names, or for all when it names none. A muted
// transition queues nothing. Add waits for the disk, a second at most, and never for a notifier.
func (o *Outbox) Add(t alert.Transition) {
	o.commit(func(b *batch) {
		if t.Event != alert.EventTest && !t.Reannounced {
			b.addTransition(t)
		}
		for _, s := range o.sortedLocked() {
			s.acceptLocked(t, b)
		}
	})
}

// Keep writes the states of firing series between their transitions, so that the counts of an incident survive a restart.
func (o *Outbox) Keep(states []alert.SeriesState) {
	if len(states) == 0 {
		return
	}
	o.commit(func(b *batch) {
		for _, state := range states {
			b.states[state.Incident] = state
		}
	})
}

// Mute replaces the silences that people have set. A silence also applies to messages that already wait: FIRING and UPDATE are dropped,
// and the engine announces what still fires when the silence ends. RESOLVED and ENDED wait until then.
func (o *Outbox) Mute(silences []alert.Silence) {
	o.changeMuting(func(now time.Time) { o.muting.SetSilences(slices.Clone(silences), now) })
}

// Maintain replaces the maintenance of the configuration. It applies to waiting messages as a silence does.
func (o *Outbox) Maintain(maintenance []alert.Maintenance) {
	o.changeMuting(func(now time.Time) { o.muting.SetMaintenance(slices.Clone(maintenance), now) })
}

// changeMuting changes the silences or the maintenance, and wakes every sender.
func (o *Outbox) changeMuting(change func(now time.Time)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(time.Now())
	for _, s := range o.senders {
		s.wakeUp()
	}
}

// commit applies a change in memory while it holds mu, writes the resulting batch in one transaction, and then releases the batch's
// messages for sending.
func (o *Outbox) commit(change func(*batch)) {
	o.disk.Lock()
	defer o.disk.Unlock()
	b := newBatch()
	o.mu.Lock()
	change(b)
	o.mu.Unlock()
	o.writeLocked(b)
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, row := range b.entries {
		if s := o.senders[row.sender]; s != nil {
			s.queue.markWritten(id)
			s.wakeUp()
		}
	}
	for key, row := range b.reports {
		if s := o.senders[row.sender]; s != nil {
			s.releaseReportLocked(key.due)
		}
	}
}

// Fault returns the error of the last write to the store; nil when it succeeded.
func (o *Outbox) Fault() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.writeError
}

// Replace sets the destinations of a new configuration. Messages for destinations that remain are tried again at once, since the cause of
// a refusal may be fixed. Messages and receipts of a notifier that was renamed go to the notifier with the same address. Messages of a
// notifier whose address changed go to the new address, and its receipts stay with the old one. All other messages for removed
// destinations are dropped, with a warning in the log.
func (o *Outbox) Replace(destinations map[string]Destination) {
	now := time.Now()
	o.commit(func(b *batch) {
		stays := map[senderKey]bool{}
		for name, d := range destinations {
			key := keyOf(name, d)
			stays[key] = true
			o.senderLocked(key).activateLocked(d, now)
		}
		for key, s := range o.senders {
			if !stays[key] {
				s.deactivateLocked()
			}
		}
		o.handOverLocked(b)
	})
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends. Then it tries to deliver the rest within the grace time, and returns.
func (o *Outbox) Run(ctx context.Context) {
	late, cancel := withGrace(ctx, o.options.Grace)
	defer cancel()
	var senders sync.WaitGroup
	defer senders.Wait()
	running := make(map[*sender]bool)
	for {
		for _, s := range o.allSenders() {
			if !running[s] {
				running[s] = true
				senders.Go(func() { s.run(ctx, late) })
			}
		}
		if !o.waitForChange(ctx) {
			return
		}
	}
}

// waitForChange waits until Replace changes the destinations; false when ctx ended. Meanwhile it retries a failed write, and collects the
// result of a write for which delivery did not wait.
func (o *Outbox) waitForChange(ctx context.Context) bool {
	ticker := time.NewTicker(writeRetry)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-o.changed:
			return true
		case <-o.writeDone():
			o.collectWrite() //nolint:contextcheck // the write must finish although ctx ended
		case <-ticker.C:
			if o.Fault() != nil {
				o.commit(func(*batch) {}) //nolint:contextcheck // the write must finish although ctx ended
			}
		}
	}
}

// withGrace returns a context that ends the given time after ctx.
func withGrace(ctx context.Context, grace func() time.Duration) (context.Context, context.CancelFunc) {
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

// allSenders returns the senders in a stable order.
func (o *Outbox) allSenders() []*sender {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sortedLocked()
}
