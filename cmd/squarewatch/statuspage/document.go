package statuspage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// document is an answer in the form in which it is sent. It is compressed once for all viewers.
type document struct {
	kind   string // its media type
	body   []byte
	packed []byte // the body compressed with gzip
	etag   string
}

// newDocument compresses an answer.
func newDocument(kind string, body []byte) (document, error) {
	var packed bytes.Buffer
	packer, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err == nil {
		_, err = packer.Write(body)
	}
	if err == nil {
		err = packer.Close()
	}
	if err != nil {
		return document{}, fmt.Errorf("compress a page: %w", err)
	}
	sum := sha256.Sum256(body)
	return document{kind: kind, body: body, packed: packed.Bytes(), etag: `W/"` + hex.EncodeToString(sum[:8]) + `"`}, nil
}

// staticFiles returns the embedded files, by name.
func staticFiles() (map[string]document, error) {
	entries, err := static.ReadDir("static")
	if err != nil {
		return nil, fmt.Errorf("list the files of the page: %w", err)
	}
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	files := map[string]document{}
	for _, e := range entries {
		body, err := static.ReadFile("static/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read a file of the page: %w", err)
		}
		if files[e.Name()], err = newDocument(kinds[path.Ext(e.Name())], body); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// send writes a document, or 304 when the browser has it.
func (d *document) send(w http.ResponseWriter, r *http.Request, status int) {
	h := w.Header()
	h.Set("Content-Type", d.kind)
	h.Add("Vary", "Accept-Encoding")
	if status == http.StatusOK {
		h.Set("ETag", d.etag)
		if r.Header.Get("If-None-Match") == d.etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	body := d.body
	if acceptsGzip(r.Header) {
		h.Set("Content-Encoding", "gzip")
		body = d.packed
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// acceptsGzip reports whether a client accepts gzip: https://www.rfc-editor.org/rfc/rfc9110#name-accept-encoding.
func acceptsGzip(h http.Header) bool {
	for coding := range strings.SplitSeq(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		name, weight, weighed := strings.Cut(coding, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		value, _ := strings.CutPrefix(strings.ToLower(strings.TrimSpace(weight)), "q=")
		quality, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		return !weighed || err == nil && quality > 0
	}
	return false
}

// sheet is a page of one snapshot. All requests for it wait for the first one and share its document.
type sheet struct {
	mu   sync.Mutex
	made bool
	document
}

// of returns the document. If there is none yet, make makes it. A document that reports a failure is not kept, because others must not see
// it.
func (h *sheet) of(make func() (d document, status int, err error)) (document, int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.made {
		return h.document, http.StatusOK, nil
	}
	d, status, err := make()
	if err == nil && status == http.StatusOK {
		h.document, h.made = d, true
	}
	return d, status, err
}
