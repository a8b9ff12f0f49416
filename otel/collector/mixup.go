package collector

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"google.golang.org/grpc/status"
)

// errNotGRPC and errNotHTTP are said instead of what a parser says of the other protocol's first bytes.
var (
	errNotGRPC = errors.New("this port speaks HTTP, not gRPC: set telemetry.otlp.protocol to http/protobuf, " +
		"or use the collector's port for gRPC, usually 4317")
	errNotHTTP = errors.New("this port speaks gRPC, not HTTP: set telemetry.otlp.protocol to grpc, " +
		"or use the collector's port for HTTP, usually 4318")
)

// otherThanGRPC replaces the error of a gRPC request whose connection was answered in HTTP/1: the first bytes of that answer, read as the
// head of an HTTP/2 frame, give a length that no frame may have (https://www.rfc-editor.org/rfc/rfc9113#section-4.2).
func otherThanGRPC(err error) error {
	if err == nil || !strings.Contains(err.Error(), "http2: frame too large") {
		return err
	}
	return status.Error(status.Code(err), errNotGRPC.Error())
}

// otherThanHTTP replaces the error of an HTTP/1 request that was answered with a frame of HTTP/2. The first frame of a server is SETTINGS,
// whose length begins with a zero byte (https://www.rfc-editor.org/rfc/rfc9113#section-3.4).
func otherThanHTTP(err error) error {
	if err == nil || !strings.Contains(err.Error(), `malformed HTTP response "\x00\x00`) {
		return err
	}
	return errNotHTTP
}

// certificateWanted adds to the error of a request over TLS without a client certificate that it may need one. In TLS 1.3, the client may
// send before the server has checked its certificate (https://www.rfc-editor.org/rfc/rfc8446#section-2). A server that misses one then
// closes the connection under a request, and its alert is often lost.
func certificateWanted(err error) error {
	text := err.Error()
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || strings.Contains(text, "tls: certificate required") ||
		strings.Contains(text, "http2: client conn could not be established") {
		return fmt.Errorf("%w; if the collector asks for a client certificate, set telemetry.otlp.client_certificate and client_key", err)
	}
	return err
}
