// Package compact keeps the bodies of HTTP answers compressed. An answer stays in memory until a slow client has read it, and for
// 10,000 probes it has more than ten megabytes.
package compact

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// Body is the compressed body of an answer.
type Body struct {
	packed []byte
	size   int64 // uncompressed
}

// Pack calls write once and returns the written bytes as a body. It returns the error of write.
func Pack(write func(io.Writer) error) (Body, error) {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	count := &counter{to: zip}
	if err := write(count); err != nil {
		return Body{}, err
	}
	if err := zip.Close(); err != nil {
		return Body{}, err
	}
	return Body{packed: bytes.Clone(packed.Bytes()), size: count.size}, nil
}

// counter counts the bytes that it passes on.
type counter struct {
	to   io.Writer
	size int64
}

// Write passes the bytes on and counts those that were written.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.size += int64(n)
	return n, err
}

// Send answers a request with the body. It sets the headers that depend on the encoding. A client that does not accept gzip gets the body
// uncompressed, a piece at a time. An error means that the client has disconnected.
func (b Body) Send(w http.ResponseWriter, r *http.Request, status int) error {
	header := w.Header()
	header.Add("Vary", "Accept-Encoding")
	if acceptsGzip(r.Header) {
		header.Set("Content-Encoding", "gzip")
		header.Set("Content-Length", strconv.Itoa(len(b.packed)))
		w.WriteHeader(status)
		_, err := w.Write(b.packed)
		return err
	}
	header.Set("Content-Length", strconv.FormatInt(b.size, 10))
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil
	}
	unzip, err := gzip.NewReader(bytes.NewReader(b.packed))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, unzip)
	return err
}

// acceptsGzip reports whether a client accepts gzip: https://www.rfc-editor.org/rfc/rfc9110#field.accept-encoding.
func acceptsGzip(header http.Header) bool {
	for coding := range strings.SplitSeq(strings.Join(header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			_, q, weighted := strings.Cut(weight, "=")
			value, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
			return !weighted || err == nil && value > 0
		}
	}
	return false
}
