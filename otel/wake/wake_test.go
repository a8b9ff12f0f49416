package wake_test

import (
	"testing"

	"squarewatch/otel/wake"
)

func received(s wake.Signal) bool {
	select {
	case <-s:
		return true
	default:
		return false
	}
}

func TestSignal(t *testing.T) {
	s := wake.New()
	if received(s) {
		t.Error("want no signal before Send")
	}
	s.Send()
	s.Send() // must not block
	if !received(s) || received(s) {
		t.Error("want one signal after two calls of Send")
	}
	s.Send()
	s.Clear()
	s.Clear() // must not block
	if received(s) {
		t.Error("want no signal after Clear")
	}
}
