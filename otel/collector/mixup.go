package collector

import (
	"errors"
	"strings"

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
// whose length begins with a zero byte (https://www.rfc-editor.org/rfc/rfc9113#section-3.4). It may come before the request is sent, for
// which net/http has another error (https://github.com/golang/go/blob/go1.26.0/src/net/http/transport.go, readLoopPeekFailLocked). A server
// of HTTP/1 never speaks first.
func otherThanHTTP(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if strings.Contains(text, `malformed HTTP response "\x00\x00`) || strings.Contains(text, "readLoopPeekFailLocked: %!w(<nil>)") {
		return errNotHTTP
	}
	return err
}
