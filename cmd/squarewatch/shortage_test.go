package main

import (
	"context"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestOurOwnShortageIsOneMessage runs out of descriptors for five minutes. No rule counts these runs, and one message says so.
func TestOurOwnShortageIsOneMessage(t *testing.T) {
	file := strings.Replace(sceneFile, "on: [5xx]", "on: [5xx, transport], per: all", 1)
	synctest.Test(t, func(t *testing.T) {
		var out atomic.Bool
		s := newSceneWith(t, file, func(o *Options) {
			dial := o.Dial
			o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if out.Load() {
					return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", syscall.EMFILE)}
				}
				return dial(ctx, network, address)
			}
		})
		defer s.stop()
		s.after(5 * time.Minute)
		s.expectNoMessage()
		out.Store(true)
		s.after(5 * time.Minute)
		if _, page := s.get("/api/v1/status"); !strings.Contains(page, `"watcher_fault":"`) || !strings.Contains(page, "too many open files") {
			t.Errorf("want the shortage in the status, got %s", page)
		}
		out.Store(false)
		s.after(5 * time.Minute)
		synctest.Wait()
		var messages []string
		for _, message := range s.inbox.take() {
			_, what, _ := strings.Cut(message, " ")
			messages = append(messages, what)
		}
		if diff := cmp.Diff([]string{"firing watcher all", "resolved watcher all"}, messages); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		if n := strings.Count(s.log.String(), "squarewatch itself is in trouble"); n != 1 {
			t.Errorf("want one line in the log, got %d", n)
		}
		if _, page := s.get("/api/v1/status"); strings.Contains(page, "watcher_fault") {
			t.Errorf("want no shortage in the status when it is over, got %s", page)
		}
	})
}
