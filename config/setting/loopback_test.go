package setting_test

import (
	"testing"

	"squarewatch/config/setting"
)

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "localhost.": true, "127.0.0.2": true, "::1": true, "::ffff:127.0.0.1": true,
		"localhost.example": false, "192.0.2.1": false, "": false,
	} {
		if got := setting.IsLoopback(host); got != want {
			t.Errorf("%q: want %v, got %v", host, want, got)
		}
	}
}
