package collector

import "net/http"

// NewTransport returns the transport that sends requests to a collector through next.
func NewTransport(next http.RoundTripper) http.RoundTripper { return &transport{RoundTripper: next} }

// ParseHeaders is parseHeaders.
var ParseHeaders = parseHeaders

// Protocol returns the protocol of a destination.
func (d *Destination) Protocol() string { return d.protocol }
