package probe

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
)

// contentDecoder returns how a body is decoded: RFC 9110, section 8.4.1, where x-gzip is another name of gzip. It is nil for an encoding
// that squarewatch does not read. net/http decodes gzip itself and removes the header, but not when the request names encodings of its
// own.
func contentDecoder(header http.Header) func(io.Reader) (io.Reader, error) {
	switch strings.ToLower(strings.TrimSpace(header.Get("Content-Encoding"))) {
	case "", "identity":
		return func(body io.Reader) (io.Reader, error) { return body, nil }
	case "gzip", "x-gzip":
		return func(body io.Reader) (io.Reader, error) { return gzip.NewReader(body) }
	case "deflate":
		return func(body io.Reader) (io.Reader, error) { return zlib.NewReader(body) }
	}
	return nil
}

// decoded returns the body of an answer as it was before it was encoded. An encoding that squarewatch does not read stays. An answer
// without a body, for example to HEAD, may name an encoding too.
func decoded(resp *http.Response) (io.Reader, error) {
	decode := contentDecoder(resp.Header)
	if decode == nil || resp.Header.Get("Content-Encoding") == "" {
		return resp.Body, nil
	}
	body := bufio.NewReader(resp.Body)
	if _, err := body.Peek(1); errors.Is(err, io.EOF) {
		return body, nil
	}
	return decode(body)
}
