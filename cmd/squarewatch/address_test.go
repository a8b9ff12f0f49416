package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe/aisquaretest"
)

// These tests change the webhook address of a notifier that keeps its name.

// moved returns a file whose notifier ops delivers to channel y in place of x.
func moved(file string) string {
	return strings.Replace(file, "hooks.example.org/x", "hooks.example.org/y", 1)
}

func TestANewAddressOfANotifierReceivesWhatFires(t *testing.T) {
	receivesWhatFires(t, moved, "y")
}

func TestANewAddressInASilence(t *testing.T) {
	for name, test := range map[string]struct {
		mended bool // the API recovers during the silence
		down   bool // FIRING waited for the new address when the silence began
		want   []string
	}{
		"it still fires when the silence ends":  {false, false, []string{"FIRING server-errors feed"}},
		"FIRING was held back":                  {false, true, []string{"FIRING server-errors feed"}},
		"it recovers in the silence":            {true, false, nil},
		"FIRING was held back, and it recovers": {true, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := opsFile(t)
			synctest.Test(t, func(t *testing.T) {
				all := channels{"x": &channel{}, "y": &channel{}}
				s := newChannelScene(t, file, all)
				defer s.stop()
				s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
				s.after(time.Minute)
				all["x"].expect(t, "FIRING server-errors feed")
				all["y"].fail(test.down)
				if test.down {
					s.reload(moved(s.file))
					s.after(time.Minute)
				}
				s.silenceFeed(time.Hour)
				if !test.down {
					s.reload(moved(s.file))
				}
				s.after(time.Minute)
				all["y"].fail(false)
				if test.mended {
					s.api.ClearFaults()
				}
				s.after(50 * time.Minute)
				all["y"].expect(t)
				s.after(20 * time.Minute)
				all["y"].expect(t, test.want...)
				s.api.ClearFaults()
				s.after(5 * time.Minute)
				if !test.mended {
					all["y"].expect(t, "RESOLVED server-errors feed")
				}
				all["x"].expect(t)
			})
		})
	}
}
