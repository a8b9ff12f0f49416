// Package openapi makes probes from an OpenAPI document: one for each operation that only reads, with the statuses that the document names.
// It reads OpenAPI 3.0, 3.1 and 3.2, and Swagger 2.0. A document is foreign text: its size is limited, it cannot refer to anything outside
// of itself, and [shown] makes its texts printable.
package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"

	"squarewatch/probe/redact"
)

// shownLimit is how many characters of a foreign text are shown.
const shownLimit = 160

// shown makes a text of the document fit for a terminal and for a comment: one line without control characters.
func shown(text string) string {
	return redact.Cut(strings.TrimSpace(redact.Printable(text)), shownLimit)
}

// parse reads a document and resolves the references in it. It fetches nothing.
func parse(data []byte) (_ *openapi3.T, err error) {
	defer func() { // the document is foreign, and a fault of the library must not end the program with a trace
		if reason := recover(); reason != nil {
			err = fmt.Errorf("the OpenAPI library cannot read it (%s); please report it with the document", shown(fmt.Sprint(reason)))
		}
	}()
	text, err := asJSON(data)
	if err != nil {
		return nil, err
	}
	var version struct {
		OpenAPI string `json:"openapi"`
		Swagger string `json:"swagger"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return nil, errors.New("it is not an OpenAPI document: it has no text openapi: 3.x or swagger: 2.0 at the top level")
	}
	switch {
	case strings.HasPrefix(version.OpenAPI, "3."):
		document, err := openapi3.NewLoader().LoadFromData(text)
		return document, inPlainWords(err)
	case version.Swagger == "2.0":
		var old openapi2.T
		if err := json.Unmarshal(text, &old); err != nil {
			return nil, inPlainWords(err)
		}
		document, err := openapi2conv.ToV3(&old)
		return document, inPlainWords(err)
	case version.OpenAPI == "" && version.Swagger == "":
		return nil, errors.New("it is not an OpenAPI document: it has no field openapi: 3.x or swagger: 2.0 at the top level")
	}
	return nil, fmt.Errorf("it has version %q; only OpenAPI 3.x and Swagger 2.0 can be read", shown(version.OpenAPI+version.Swagger))
}

// externalReference matches the library's error for a reference to another file or address.
var externalReference = regexp.MustCompile(`disallowed external reference: "([^"]*)"`)

// inPlainWords rewrites an error of the library.
func inPlainWords(err error) error {
	if err == nil {
		return nil
	}
	if outside := externalReference.FindStringSubmatch(err.Error()); outside != nil {
		return fmt.Errorf("it refers to another document, %q, which is not fetched; join them into one document with a bundler first",
			shown(outside[1]))
	}
	return errors.New("it is not valid: " + shown(err.Error()))
}
