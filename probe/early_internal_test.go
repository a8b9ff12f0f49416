package probe

import (
	"errors"
	"fmt"
	"testing"
)

// TestAnAnswerBeforeTheRequestIsNamed has the error that net/http may return for it, depending on when the answer comes.
func TestAnAnswerBeforeTheRequestIsNamed(t *testing.T) {
	var none error
	if got := earlyAnswer(fmt.Errorf("readLoopPeekFailLocked: %w", none)); !errors.Is(got, errEarly) {
		t.Errorf("want %v, got %v", errEarly, got)
	}
	other := errors.New("readLoopPeekFailLocked: connection reset by peer")
	if got := earlyAnswer(other); !errors.Is(got, other) {
		t.Errorf("want the error unchanged, got %v", got)
	}
}
