package history

import (
	"testing"
	"time"

	"squarewatch/probe"
)

// FuzzReadDetail reads what may be in a damaged database. What can be read can be written.
func FuzzReadDetail(f *testing.F) {
	f.Add(`{"attempts":[{"cause":"first","method":"GET","url":"https://a/","took":5,"phases":{"dns":2,"wait":3},"class":"success"}]}`)
	f.Add(`{"attempts":[{"class":"nonsense"}],"issued":-1}`)
	f.Fuzz(func(t *testing.T, text string) {
		r := &probe.Result{Start: time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)}
		if readDetail(r, text) != nil {
			return
		}
		if _, err := detailOf(r).text(); err != nil {
			t.Errorf("cannot write what was read from %q: %v", text, err)
		}
	})
}
