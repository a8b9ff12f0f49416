package statuspage

import (
	"fmt"
	"testing"
)

// FuzzLastEventID checks that only identifiers of this process are recognized, and each of these.
func FuzzLastEventID(f *testing.F) {
	v := newViewers()
	v.begun = 1_800_000_000_000
	f.Add("1800000000000-7", uint64(7))
	f.Add("1800000000001-7", uint64(1<<63))
	f.Add("-", uint64(0))
	f.Fuzz(func(t *testing.T, id string, version uint64) {
		var begun int64
		if _, ok := v.seen(id); ok {
			if n, _ := fmt.Sscanf(id, "%d-", &begun); n != 1 || begun != v.begun {
				t.Errorf("%q is taken for an event of this process", id)
			}
		}
		if got, ok := v.seen(fmt.Sprintf("%d-%d", v.begun, version)); !ok || got != version {
			t.Errorf("want version %d, got %d, %v", version, got, ok)
		}
	})
}
