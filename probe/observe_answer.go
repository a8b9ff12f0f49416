package probe

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// isPage reports whether an answer is a page for people (HTML), and not an answer of the API, which always is JSON. JSON that is
// labelled as HTML counts as JSON. Without a useful label the body decides, as in https://mimesniff.spec.whatwg.org/.
func isPage(header http.Header, body []byte) bool {
	label, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	html := label == "text/html" || label == "application/xhtml+xml" || strings.HasPrefix(http.DetectContentType(body), "text/html")
	return html && !isJSON(body)
}

// redirectsToOtherOrigin reports whether an answer redirects to another origin than the target's. The API never does. Such a redirect leads
// to a page for people, for example the login page of a captive portal (RFC 8952, section 1.2), also where the answer has no body.
func (r *Runner) redirectsToOtherOrigin(got answer) bool {
	location := got.header.Get("Location")
	if location == "" || ClassOfStatus(got.code) != Redirect {
		return false
	}
	to, err := resolve(r.options.Target, location)
	return err == nil && origin(to) != origin(r.options.Target)
}

// isJSON reports whether a body is a JSON object or list.
func isJSON(body []byte) bool {
	body = bytes.TrimSpace(withoutBOM(body))
	return len(body) > 0 && (body[0] == '{' || body[0] == '[') && json.Valid(body)
}

// bearerChallenge matches a challenge of the scheme Bearer, alone or after others in one header: RFC 9110, section 11.6.1.
var bearerChallenge = regexp.MustCompile(`(?i)(^|,)\s*bearer\b`)

// isForeign reports whether an answer asks for another way to authenticate than the API's, which is Bearer.
func isForeign(header http.Header) bool {
	challenges := header.Values("WWW-Authenticate")
	return len(challenges) > 0 && !slices.ContainsFunc(challenges, bearerChallenge.MatchString)
}
