package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// cable connects the daemon to the target and to the address of connectivity. Each connection can be cut.
type cable struct {
	target, other atomic.Bool  // true while the connection is cut
	asked         atomic.Int64 // how often the address of connectivity was dialled
}

func (c *cable) plug(o *Options) {
	dial := o.Dial
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if c.target.Load() {
			return nil, errors.New("unreachable")
		}
		return dial(ctx, network, address)
	}
	o.DialConnectivity = func(context.Context, string, string) (net.Conn, error) {
		c.asked.Add(1)
		if c.other.Load() {
			return nil, errors.New("unreachable")
		}
		near, far := net.Pipe()
		_ = far.Close()
		return near, nil
	}
}

// outage cuts the target off for a time, and the other address too if asked. It returns the messages until ten minutes after that time, and
// how often the other address was dialled.
func outage(t *testing.T, connectivity string, alsoTheOther bool, length time.Duration) (messages []string, asked int64) {
	t.Helper()
	file := strings.Replace(sceneFile, "on: [5xx]", "on: [5xx, transport], per: all", 1) + connectivity
	synctest.Test(t, func(t *testing.T) {
		c := &cable{}
		s := newSceneWith(t, file, c.plug)
		defer s.stop()
		s.after(10 * time.Minute)
		s.expectNoMessage()
		c.target.Store(true)
		c.other.Store(alsoTheOther)
		s.after(length)
		c.target.Store(false)
		c.other.Store(false)
		s.after(10 * time.Minute)
		synctest.Wait()
		for _, message := range s.inbox.take() {
			_, what, _ := strings.Cut(message, " ")
			messages = append(messages, what)
		}
		asked = c.asked.Load()
	})
	return messages, asked
}

// TestOurOwnNetworkIsNotTheirOutage cuts off the target alone, or all connections. A long outage of our own network is announced before its
// end, because some notifiers may still be reached.
func TestOurOwnNetworkIsNotTheirOutage(t *testing.T) {
	const address = "connectivity: {address: \"192.0.2.1:53\"}\n"
	theirs := []string{"firing server-errors all", "resolved server-errors all"}
	for name, test := range map[string]struct {
		file   string
		other  bool
		length time.Duration
		want   []string
		asks   bool
	}{
		"the other address answers":        {address, false, 5 * time.Minute, theirs, true},
		"the other address is cut off too": {address, true, 4 * time.Minute, []string{"resolved network all"}, true},
		"no other address is in the file":  {"", true, 5 * time.Minute, theirs, false},
		"both are cut off for long":        {address, true, 20 * time.Minute, []string{"firing network all", "resolved network all"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			messages, asked := outage(t, test.file, test.other, test.length)
			if diff := cmp.Diff(test.want, messages); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			if (asked > 0) != test.asks {
				t.Errorf("want the other address asked: %v, got %d times", test.asks, asked)
			}
		})
	}
}
