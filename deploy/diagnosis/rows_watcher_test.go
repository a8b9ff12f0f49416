//go:build diagnosis

package diagnosis_test

import (
	"net/http"
	"time"
)

// briefly does something, and undoes it after a while.
func briefly(d time.Duration, do action) action {
	return both(do, later(d, func(s *stage) error {
		s.front.heal()
		return s.daemon.heal()
	}))
}

// nothing breaks nothing.
func nothing(*stage) error { return nil }

// again takes the descriptors away for most of the time. Messages are delivered in between.
func again(s *stage) error {
	for at := time.Duration(0); at < 80*time.Second; at += 4 * time.Second {
		s.after(at, func() error { return takeDescriptors(s) })
		s.after(at+3*time.Second, func() error { return feed(s) })
	}
	return nil
}

// watcherRows are faults of squarewatch and its machine, and what no message is due for.
func watcherRows() []row {
	return []row{
		{name: "no descriptors are left", harm: takeDescriptors, want: []culprit{watcher}, ends: true, lasts: 75 * time.Second},
		{name: "descriptors run out again and again", hard: true, harm: again, want: []culprit{watcher}, lasts: 85 * time.Second},
		{
			name: "descriptors run out, and the target has a name", hard: true, setup: setup{name: true}, harm: again,
			want: []culprit{watcher}, lasts: 85 * time.Second,
		},
		{name: "no descriptors are left for a moment", hard: true, harm: briefly(3*time.Second, takeDescriptors), want: []culprit{nobody}},
		{name: "the process stands still", hard: true, harm: freeze(8 * time.Second), want: []culprit{nobody, watcher}},
		{name: "nothing breaks", harm: nothing, want: []culprit{nobody}},
		{name: "tokens lapse and are renewed", setup: setup{login: true}, harm: nothing, want: []culprit{nobody}},
		{
			name: "one moment of 500s", want: []culprit{nobody},
			harm: briefly(600*time.Millisecond, answers(all, 1, jsonAnswer(500, dbGone))),
		},
		{
			name: "a release closes the port for a moment", want: []culprit{nobody},
			harm: both(target(gateClosed, 1), later(600*time.Millisecond, target(gateOpen, 1))),
		},
		{
			name: "every answer is slow, but in time", want: []culprit{nobody},
			harm: func(s *stage) error {
				next := s.front.next
				s.front.add(&httpFault{to: all, share: 1, serve: func(w http.ResponseWriter, r *http.Request) {
					<-time.After(400 * time.Millisecond)
					next.ServeHTTP(w, r)
				}})
				return nil
			},
		},
	}
}
