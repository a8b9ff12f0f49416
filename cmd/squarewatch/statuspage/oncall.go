package statuspage

import (
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"

	"squarewatch/docs"
)

// OnCallPage says what to do with a message: docs/on-call.md, with a heading to link to for each blame.
type OnCallPage struct {
	Head

	Body template.HTML `json:"-"`
}

func (s *Server) onCallPage(_ *http.Request, shown *Snapshot, _ string) (content, error) {
	return content{"on-call", &OnCallPage{Head: headOf(shown, "On call", "unknown"), Body: s.onCall}, http.StatusOK}, nil
}

// pageLink matches a link to another page of docs. The daemon does not serve that page, so onCall replaces the link by its text and the
// name of the file.
var pageLink = regexp.MustCompile(`\[([^\]]+)\]\(([^)#]*\.md)(#[^)]*)?\)`)

// onCall renders docs/on-call.md.
func onCall() (template.HTML, error) {
	text := pageLink.ReplaceAllStringFunc(docs.OnCall(), func(link string) string {
		parts := pageLink.FindStringSubmatch(link)
		if parts[1] == parts[2] {
			return "docs/" + parts[2]
		}
		return parts[1] + " (docs/" + parts[2] + ")"
	})
	markdown := goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	var page strings.Builder
	if err := markdown.Convert([]byte(text), &page); err != nil {
		return "", fmt.Errorf("render docs/on-call.md: %w", err)
	}
	return template.HTML(page.String()), nil //nolint:gosec // our own text, and the renderer leaves out raw HTML
}
