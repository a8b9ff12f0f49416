package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// bom is the byte order mark in UTF-8. A parser may skip it before JSON: RFC 8259, section 8.1.
const bom = "\xef\xbb\xbf"

// withoutBOM returns a text without a byte order mark at its start.
func withoutBOM(text []byte) []byte { return bytes.TrimPrefix(text, []byte(bom)) }

// parseJSON reads a body. Numbers stay as they are written, so that integers beyond 2^53 do not become equal (RFC 8259, section 6).
func parseJSON(body []byte) (value any, err error) {
	body = withoutBOM(body)
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err = decoder.Decode(&value); err == nil {
		if rest := bytes.TrimLeft(body[decoder.InputOffset():], " \t\r\n"); len(rest) > 0 {
			return nil, fmt.Errorf("%s: there is more after the value", place(body, len(body)-len(rest)))
		}
		return value, nil
	}
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s: it ends in the middle", place(body, len(body)))
	case ok:
		return nil, fmt.Errorf("%s: %w", place(body, int(syntax.Offset)-1), err)
	}
	return nil, err
}

// place returns the line and the column of a byte, both from 1.
func place(body []byte, offset int) string {
	before := body[:min(max(offset, 0), len(body))]
	return fmt.Sprintf("line %d, column %d", 1+bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n'))
}

// notJSON returns why a body is not JSON, for people.
func notJSON(seen *observation, err error) string {
	code := seen.last.Code
	switch encoding := seen.header.Get("Content-Encoding"); {
	case len(seen.body) == 0:
		return fmt.Sprintf("answered %d without a body, where JSON was expected", code)
	case encoding != "" && contentDecoder(seen.header) == nil:
		return fmt.Sprintf("answered %d with a body in the encoding %s, which squarewatch does not read", code, seen.secrets.Text(encoding, 20))
	case string(seen.body) == bom:
		return fmt.Sprintf("answered %d with nothing but a byte order mark, where JSON was expected", code)
	case isPage(seen.header, seen.body):
		return fmt.Sprintf("answered %d with a page (HTML), which is not JSON", code)
	}
	return fmt.Sprintf("answered %d with a body that is not JSON: %s", code, seen.secrets.Text(err.Error(), 120))
}
