package slack

import (
	"testing"

	"squarewatch/config/setting"
)

func TestChartShowsATightThreshold(t *testing.T) {
	for share, want := range map[setting.Share]float64{0.0005: 0.05, 0.0003: 0.03, 0.0001: 0.01, 0.072: 7.2, 1: 100, 0: 0} {
		if got := percent(share); got != want {
			t.Errorf("%v: want %v per cent, got %v", float64(share), want, got)
		}
	}
}
