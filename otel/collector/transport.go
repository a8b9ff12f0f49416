package collector

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"squarewatch/alert/outbox"
)

// transport sends requests to a collector over HTTP. It respects pauses, and refuses successful responses of other servers.
type transport struct {
	http.RoundTripper
	certified bool // it has a client certificate
	pause     pause
}

// RoundTrip returns an error during a pause, and for a successful response that is not a collector's.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.pause.check(); err != nil {
		return nil, errors.Join(err, r.Body.Close())
	}
	response, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, otherThanHTTP(brokenOff(err, r.URL.Scheme, t.certified))
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable: // https://opentelemetry.io/docs/specs/otlp/#otlphttp-throttling
		t.pause.begin(outbox.RetryAfter(response.Header.Get("Retry-After"), time.Now()))
	}
	if err := cmp.Or(plainToTLS(response, r.URL.Scheme), checkSuccess(response)); err != nil {
		return nil, errors.Join(err, response.Body.Close())
	}
	return response, nil
}

// checkSuccess returns an error for a 2xx response that is not a collector's, such as the page of another server on this port or the
// sign-in page of a proxy. Nothing has been accepted then. A collector responds with an OTLP message
// (https://opentelemetry.io/docs/specs/otlp/#otlphttp-response), or with an empty body of any content type.
func checkSuccess(response *http.Response) error {
	contentType := response.Header.Get("Content-Type")
	mediaType, _, _ := mime.ParseMediaType(contentType) // empty when it cannot be parsed
	if response.StatusCode/100 != 2 || mediaType == "application/x-protobuf" || mediaType == "application/json" {
		return nil
	}
	_, err := io.ReadFull(response.Body, make([]byte, 1))
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the response: %w", err)
	}
	return fmt.Errorf("%s with a body of type %q is not a collector's response; find out which server listens there",
		response.Status, contentType)
}
