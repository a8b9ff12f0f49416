package compact_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/cmd/squarewatch/compact"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// TestABodyIsSentAsTheClientAcceptsIt sends one body to clients that accept gzip and to clients that do not.
func TestABodyIsSentAsTheClientAcceptsIt(t *testing.T) {
	large := strings.Repeat("all is well\n", 100_000)
	body, err := compact.Pack(text(large))
	if err != nil {
		t.Fatal(err)
	}
	for accept, packed := range map[string]bool{
		"": false, "gzip": true, "br, gzip": true, "GZIP;q=0.5": true, "gzip;q=0": false, "gzip; q=0.000": false, "gzip;q=x": false, "br": false,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.Header.Set("Accept-Encoding", accept)
		w := httptest.NewRecorder()
		if err := body.Send(w, r, http.StatusAccepted); err != nil {
			t.Error(err)
		}
		if w.Code != http.StatusAccepted || w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) || w.Header().Get("Vary") == "" {
			t.Errorf("%q: got %d with %v for %d bytes", accept, w.Code, w.Header(), w.Body.Len())
		}
		var from io.Reader = w.Body
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != packed {
			t.Errorf("%q: want it compressed: %v, got %v", accept, packed, got)
		} else if got {
			if from, err = gzip.NewReader(w.Body); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := io.ReadAll(from); err != nil || string(got) != large {
			t.Errorf("%q: want the text, got %d bytes, %v", accept, len(got), err)
		}
	}
}

func TestAHeadRequestGetsNoBody(t *testing.T) {
	body, err := compact.Pack(text("all is well\n"))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	err = body.Send(w, httptest.NewRequestWithContext(t.Context(), http.MethodHead, "/", http.NoBody), http.StatusOK)
	if err != nil || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "12" {
		t.Errorf("got %v, %d bytes, %v", err, w.Body.Len(), w.Header())
	}
}

// TestCallsThatWaitShareABody has two calls wait while a body is made. That body was begun before the calls, so both get the next one.
func TestCallsThatWaitShareABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, made := compact.NewShared(), 0
		get := func() {
			_, err := shared.Get(t.Context(), func(io.Writer) error {
				made++
				<-time.After(time.Second)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		for range 3 {
			go get()
			<-time.After(100 * time.Millisecond)
		}
		<-time.After(time.Minute)
		if made != 2 {
			t.Errorf("want two bodies made, got %d", made)
		}
	})
}

// TestAFailedBodyIsNotShared has a first call that fails. The next call makes a body of its own.
func TestAFailedBodyIsNotShared(t *testing.T) {
	shared := compact.NewShared()
	broken := errors.New("broken")
	if _, err := shared.Get(t.Context(), func(io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("want the error, got %v", err)
	}
	if _, err := shared.Get(t.Context(), text("good")); err != nil {
		t.Errorf("want a body, got %v", err)
	}
}
