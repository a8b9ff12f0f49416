package statuspage

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"time"
)

//go:embed templates/*.html
var templates embed.FS

// style is the style sheet. Every page contains it, so that a browser can paint the page without another request.
//
//go:embed templates/style.css
var style string

//go:embed static/*
var static embed.FS

// stamp is a time that a page shows, with the time of the page.
type stamp struct{ At, Now time.Time }

// Age returns how long ago it was.
func (s stamp) Age() string { return lasting(s.Now.Sub(s.At)) }

// When returns the time of day, with the date when its day is not the day of the page.
func (s stamp) When() string {
	at := s.At.UTC()
	if at.Format(time.DateOnly) == s.Now.UTC().Format(time.DateOnly) {
		return at.Format("15:04:05")
	}
	return at.Format("2 Jan 15:04:05")
}

// templatesAt are the templates for the pages at the root, and for the pages below it. Links are relative, so that a reverse proxy can
// serve the pages under a path.
type templatesAt struct{ home, below *template.Template }

// parseTemplates reads the embedded templates.
func parseTemplates() (templatesAt, error) {
	functions := template.FuncMap{
		"stamp": func(at, now time.Time) stamp { return stamp{at, now} },
		"clock": func(t time.Time) string { return t.UTC().Format("15:04:05") },
		"date":  func(t time.Time) string { return t.UTC().Format("2 Jan 15:04:05") },
		"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"unix":  func(t time.Time) int64 { return t.UnixMilli() },
		"ms":    millis,
		"last":  lasting,
		"count": count,
		"plus":  func(a, b int) int { return a + b },
		"mark":  mark,
		"style": func() template.CSS { return template.CSS(style) }, //nolint:gosec // our own
		"root":  func() string { return "" },
		"word":  word,
	}
	all, err := template.New("pages").Funcs(functions).ParseFS(templates, "templates/*.html")
	if err != nil {
		return templatesAt{}, fmt.Errorf("read the templates of the page: %w", err)
	}
	below, err := all.Clone()
	if err != nil {
		return templatesAt{}, fmt.Errorf("copy the templates of the page: %w", err)
	}
	return templatesAt{home: all.Funcs(rootAt("./")), below: below.Funcs(rootAt("../"))}, nil
}

// rootAt sets how links begin.
func rootAt(path string) template.FuncMap {
	return template.FuncMap{"root": func() string { return path }}
}

// mark is the shape of a state.
func mark(state any) string {
	marks := map[string]string{
		"good": "✔", "refused": "✔", "bad": "✖", "pending": "◐", "late": "⚠", "missed": "⚠", "none": "◌",
		"silenced": "▥", "held": "ⓘ", "breach": "⛔", "unknown": "◌", "firing": "✖", "inactive": "✔",
	}
	return marks[fmt.Sprint(state)]
}

// word is a state in words.
func word(state any) string {
	words := map[string]string{
		"good": "as expected", "refused": "refused as expected", "late": "late or missed", "none": "no run yet", "held": "held back",
		"breach": "access breach",
	}
	text := fmt.Sprint(state)
	if known, ok := words[text]; ok {
		return known
	}
	return text
}

// render writes a page as HTML.
func (t templatesAt) render(name string, page any) ([]byte, error) {
	all := t.below
	if name == "home" || name == "on-call" || name == "all-incidents" {
		all = t.home
	}
	var out bytes.Buffer
	if err := all.ExecuteTemplate(&out, name, page); err != nil {
		return nil, fmt.Errorf("render the page %s: %w", name, err)
	}
	return out.Bytes(), nil
}
