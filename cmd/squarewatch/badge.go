package main

import (
	"context"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"squarewatch/probe/history"
)

const (
	badgePeriod = 24 * time.Hour   // the period that a badge covers
	badgeAge    = 30 * time.Second // the age at which the history is read again
)

// badge is a picture with the uptime of a probe in the last day.
type badge struct {
	Name, Text, Colour string
}

// The colours of badges. White text on each colour has a contrast of at least 4.5:1.
const (
	badgeGood   = "#1a7f37"
	badgeMixed  = "#8a5a00"
	badgeBad    = "#b42318"
	badgeNoData = "#59636e"
)

// newBadge returns the badge of a probe. The share counts finished runs only. The number of missed runs follows it.
func newBadge(name string, u history.Uptime) badge {
	b := badge{Name: name, Text: "no data", Colour: badgeNoData}
	if u.Runs > 0 {
		b.Text, b.Colour = percent(u.Good, u.Runs), badgeBad
		switch {
		case u.Good == u.Runs && u.Missed == 0:
			b.Colour = badgeGood
		case u.Good*100 >= u.Runs*99:
			b.Colour = badgeMixed
		}
	}
	if u.Missed > 0 {
		b.Text += fmt.Sprintf(", %d missed", u.Missed)
	}
	return b
}

// percent writes a share in percent, rounded down, so that it is 100 % only when all runs are good.
func percent(good, runs int) string {
	return strconv.FormatFloat(math.Floor(float64(good)*1000/float64(runs))/10, 'f', -1, 64) + " %"
}

// Widths in pixels. The browser stretches the text to its width, so that the font does not matter.
const (
	badgeCharacter = 7
	badgePadding   = 10
)

// Left returns the width of the name's half.
func (b badge) Left() int { return badgeCharacter*utf8.RuneCountInString(b.Name) + 2*badgePadding }

// Right returns the width of the text's half.
func (b badge) Right() int { return badgeCharacter*utf8.RuneCountInString(b.Text) + 2*badgePadding }

// Width returns the width of the badge.
func (b badge) Width() int { return b.Left() + b.Right() }

// Middle returns the horizontal centre of each half.
func (b badge) Middle() [2]int { return [2]int{b.Left() / 2, b.Left() + b.Right()/2} }

// Lengths returns the widths of both texts.
func (b badge) Lengths() [2]int { return [2]int{b.Left() - 2*badgePadding, b.Right() - 2*badgePadding} }

const badgeSVG = `<svg xmlns="http://www.w3.org/2000/svg" width="{{.Width}}" height="20" role="img" aria-label="{{.Name}}: {{.Text}}">` +
	`<title>{{.Name}}: {{.Text}}</title>` +
	`<rect width="{{.Left}}" height="20" fill="#444c56"/><rect x="{{.Left}}" width="{{.Right}}" height="20" fill="{{.Colour}}"/>` +
	`<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">` +
	`<text x="{{index .Middle 0}}" y="14" textLength="{{index .Lengths 0}}">{{.Name}}</text>` +
	`<text x="{{index .Middle 1}}" y="14" textLength="{{index .Lengths 1}}">{{.Text}}</text></g></svg>
`

// uptimes keeps the uptime of all probes for a short time, since many badges may be shown at once.
type uptimes struct {
	mu   sync.Mutex
	read time.Time
	all  map[string]history.Uptime
}

// get returns the uptime of all probes. The result is at most badgeAge old.
func (u *uptimes) get(ctx context.Context, store *history.Store, now time.Time) (map[string]history.Uptime, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if age := now.Sub(u.read); u.all != nil && age >= 0 && age < badgeAge {
		return u.all, nil
	}
	all, err := store.Uptimes(ctx, now.Add(-badgePeriod))
	if err != nil {
		return nil, err
	}
	u.read, u.all = now, all
	return all, nil
}

// serveBadges adds /badge/NAME.svg.
func (d *Daemon) serveBadges(mux *http.ServeMux) {
	picture := template.Must(template.New("badge").Parse(badgeSVG))
	mux.HandleFunc("GET /badge/{file}", func(w http.ResponseWriter, r *http.Request) {
		name, ok := strings.CutSuffix(r.PathValue("file"), ".svg")
		if !ok || !slices.Contains(probeNames(d.config().Probes), name) {
			http.Error(w, "no probe has this name; write /badge/NAME.svg", http.StatusNotFound)
			return
		}
		var uptime history.Uptime
		if o := d.state.opened.Load(); o != nil {
			all, err := d.uptimes.get(r.Context(), o.history, time.Now())
			if err != nil {
				d.options.Logger.WarnContext(r.Context(), "cannot read the history for a badge", "error", err)
				http.Error(w, "the history cannot be read", http.StatusServiceUnavailable)
				return
			}
			uptime = all[name]
		}
		header := w.Header()
		header.Set("Content-Type", "image/svg+xml")
		header.Set("Content-Security-Policy", "default-src 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "max-age=30")
		_ = picture.Execute(w, newBadge(name, uptime))
	})
}
