package collector

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"

	"google.golang.org/grpc/status"
)

// errNotGRPC and errNotHTTP replace the error of a parser that read the first bytes of the other protocol.
var (
	errNotGRPC = errors.New("this port speaks HTTP, not gRPC: set telemetry.otlp.protocol to http/protobuf, " +
		"or use the collector's port for gRPC, usually 4317")
	errNotHTTP = errors.New("this port speaks gRPC, not HTTP: set telemetry.otlp.protocol to grpc, " +
		"or use the collector's port for HTTP, usually 4318")
)

// otherThanGRPC replaces the error of a gRPC request that was answered in HTTP/1. The first bytes of such an answer, read as the head of an
// HTTP/2 frame, give a length that no frame may have (https://www.rfc-editor.org/rfc/rfc9113#section-4.2).
func otherThanGRPC(err error) error {
	if err == nil || !strings.Contains(err.Error(), "http2: frame too large") {
		return err
	}
	return status.Error(status.Code(err), errNotGRPC.Error())
}

// otherThanHTTP replaces the error of an HTTP/1 request that was answered with a frame of HTTP/2. The first frame of a server is SETTINGS,
// whose length begins with a zero byte (https://www.rfc-editor.org/rfc/rfc9113#section-3.4). A server of HTTP/1 never sends before the
// client, but this frame may arrive before the request is sent. net/http then returns another error (readLoopPeekFailLocked in
// https://github.com/golang/go/blob/go1.26.0/src/net/http/transport.go).
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

// errNotPlain is the error for a plain request that a server with TLS answered.
var errNotPlain = errors.New("this port speaks TLS: let telemetry.otlp.endpoint begin with https://")

// plainToTLS returns an error for the answer of Go's server, or of nginx, to a plain request on a port with TLS; nil for other answers. The
// status of that answer is 400, which from a collector means that it rejects the spans. See "HTTPS server" in
// https://github.com/golang/go/blob/go1.26.0/src/net/http/server.go and the error 497 in
// https://nginx.org/en/docs/http/ngx_http_ssl_module.html.
func plainToTLS(response *http.Response, scheme string) error {
	if response.StatusCode != http.StatusBadRequest || scheme != "http" {
		return nil
	}
	const longest = 1024
	begin, _ := io.ReadAll(io.LimitReader(response.Body, longest)) // a failed read fails again when the rest is read
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(begin), response.Body), response.Body}
	for _, said := range []string{"Client sent an HTTP request to an HTTPS server", "The plain HTTP request was sent to HTTPS port"} {
		if bytes.Contains(begin, []byte(said)) {
			return errNotPlain
		}
	}
	return nil
}

// brokenOff adds a hint to the error of a request whose connection broke: which setting may be missing. A server with TLS closes a
// connection that begins with plain text. In TLS 1.3, the client may send before the server has checked its certificate
// (https://www.rfc-editor.org/rfc/rfc8446#section-2). A server that requires a certificate and gets none then closes the connection, and
// its alert is often lost.
func brokenOff(err error, scheme string, certified bool) error {
	text := err.Error()
	switch broken := errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET); {
	case broken && scheme == "http":
		return fmt.Errorf("%w; if the collector's port speaks TLS, let telemetry.otlp.endpoint begin with https://", err)
	case scheme == "https" && !certified &&
		(broken || strings.Contains(text, "tls: certificate required") || strings.Contains(text, "http2: client conn could not be established")):
		return fmt.Errorf("%w; if the collector asks for a client certificate, set telemetry.otlp.client_certificate and client_key", err)
	}
	return err
}
