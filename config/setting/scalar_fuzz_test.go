package setting_test

import (
	"testing"

	"squarewatch/config/setting"
)

// FuzzScalars checks that what is read of a duration, a share or a size is written so that it can be read again.
func FuzzScalars(f *testing.F) {
	for _, text := range []string{
		"90s", "1d12h", "1w", "-1s", "9999999w", "1d2", "20%", "0.2", "NaN", "1e-3", "0x1p-2",
		"64MiB", "0", "1e18", "9223372036854775807", "1 EB", "16EiB", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var duration, sameDuration setting.Duration
		if duration.UnmarshalText([]byte(text)) == nil {
			if err := sameDuration.UnmarshalText([]byte(duration.String())); err != nil || sameDuration != duration {
				t.Errorf("%q is read as %v, which is read as %v, %v", text, duration, sameDuration, err)
			}
		}
		if share, err := setting.ParseShare(text); err == nil {
			written, _ := share.MarshalText()
			var same setting.Share
			if err := same.UnmarshalText(written); err != nil || max(same-share, share-same) > 1e-12 {
				t.Errorf("%q is %v, which is written as %s and read as %v, %v", text, float64(share), written, float64(same), err)
			}
		}
		var size, sameSize setting.Size
		if size.UnmarshalText([]byte(text)) == nil {
			if err := sameSize.UnmarshalText([]byte(size.String())); err != nil || size < 0 {
				t.Errorf("%q is %d, which is written as %s, %v", text, size, size, err)
			}
		}
	})
}
