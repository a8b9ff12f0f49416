package alert

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Destination is where a notifier delivers, and how patiently.
type Destination struct {
	Notifier  Notifier
	GroupWait time.Duration // a change waits this long for others of its rule; one message tells them all
}

// OutboxOptions are what an Outbox needs.
type OutboxOptions struct {
	Destinations map[string]Destination // by the notifiers' names
	Observer     DeliveryObserver       // nil for none
	Logger       *slog.Logger           // nil for none
	Rand         func() float64         // 0 to 1, for jitter; nil for a random source
	Grace        time.Duration          // how long Run goes on to deliver after its context ended; 3 s when 0
}

// Backlog is what waits to be delivered by one notifier.
type Backlog struct {
	Notifier  string
	Pending   int           // changes of incidents
	OldestAge time.Duration // of the first of them; 0 when none waits
	LastError string        // of the last attempt; empty when it was taken
}

// Outbox keeps what people are owed until they were told. Every destination has a sender of its own, so that none waits
// for another, and a message is only repeated when its fate is unknown.
//
// What changes while an incident still waits is folded into one message that tells the latest state: when it is resolved
// before anybody heard of it, one message RESOLVED says how long it fired.
type Outbox struct {
	options OutboxOptions
	changed chan struct{} // destinations were replaced

	mu    sync.Mutex
	lanes map[string]*lane // as long as the outbox lives: a sender is never taken away while it sends
}

// NewOutbox returns an outbox. Nothing is sent before Run.
func NewOutbox(options OutboxOptions) *Outbox {
	if options.Observer == nil {
		options.Observer = nobody{}
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Rand == nil {
		options.Rand = rand.Float64
	}
	if options.Grace == 0 {
		options.Grace = 3 * time.Second
	}
	o := &Outbox{options: options, changed: make(chan struct{}, 1), lanes: make(map[string]*lane)}
	o.Replace(options.Destinations)
	return o
}

// nobody observes nothing.
type nobody struct{}

// Delivered does nothing.
func (nobody) Delivered(string, error) {}

// Add owes the transition to its notifiers, or to all when it names none. It never blocks.
func (o *Outbox) Add(t Transition) {
	o.mu.Lock()
	defer o.mu.Unlock()
	names := t.Notify
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(o.lanes))
	}
	for _, name := range names {
		if l := o.lanes[name]; l != nil && l.active {
			l.queue.add(t, l.destination.GroupWait)
			l.nudge()
		}
	}
}

// Replace takes the destinations of a new configuration. What waits for those that stay is tried again at once, since what
// refused it may have been mended; what waits for one that is gone is dropped, and said in the log.
func (o *Outbox) Replace(destinations map[string]Destination) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	for name, l := range o.lanes {
		if _, stays := destinations[name]; !stays {
			l.close()
		}
	}
	for name, d := range destinations {
		if o.lanes[name] == nil {
			o.lanes[name] = newLane(name, &o.options, &o.mu)
		}
		o.lanes[name].open(d, now)
	}
	select {
	case o.changed <- struct{}{}:
	default:
	}
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
		select {
		case <-ctx.Done():
			return
		case <-o.changed:
		}
	}
}

// graced returns a context that ends some time after ctx.
func graced(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(grace)
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
		list = append(list, b)
	}
	return list
}
