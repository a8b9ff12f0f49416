package probe

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"squarewatch/config/setting"
)

// expectCertificate requires a verified chain of certificates that is valid for a number of days. Without TLS it requires nothing.
func expectCertificate(e *Expect) (check, error) {
	days := e.CertificateDays
	switch {
	case days < 0:
		return nil, &setting.Invalid{
			Field: "expect.certificate_days", Problem: "is " + strconv.Itoa(days), Fix: "write a number of days above zero, for example 14",
		}
	case days == 0:
		return nil, nil //nolint:nilnil // no such expectation
	}
	return func(_ context.Context, seen *observation) string {
		expiry := seen.last.CertificateExpiry
		left := expiry.Sub(seen.last.End)
		if expiry.IsZero() || left >= time.Duration(days)*24*time.Hour {
			return ""
		}
		return fmt.Sprintf("the certificate expires in %d days, on %s; expected at least %d days",
			int(left.Hours()/24), expiry.UTC().Format(time.DateOnly), days)
	}, nil
}
