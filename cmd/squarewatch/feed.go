package main

import (
	"cmp"
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/config"
	"squarewatch/probe/redact"
)

// atomFeed is a feed of RFC 4287, as far as it is used here: https://www.rfc-editor.org/rfc/rfc4287.
type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated time.Time   `xml:"updated"`
	Author  string      `xml:"author>name"`
	Links   []atomLink  `xml:"link"`
	Entries []atomEntry `xml:"entry"`
}

type atomEntry struct {
	ID        string     `xml:"id"`
	Title     string     `xml:"title"`
	Published time.Time  `xml:"published"`
	Updated   time.Time  `xml:"updated"`
	Links     []atomLink `xml:"link"`
	Content   string     `xml:"content"` // plain text, which is the default of Atom
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Href string `xml:"href,attr"`
}

const (
	feedLength = 50   // incidents in the feed
	feedText   = 1000 // characters of an entry
)

// serveFeed adds /incidents.atom: the newest incidents.
func (d *Daemon) serveFeed(mux *http.ServeMux) {
	mux.HandleFunc("GET /incidents.atom", func(w http.ResponseWriter, r *http.Request) {
		incidents, err := d.newestIncidents(r.Context())
		if err != nil {
			d.options.Logger.WarnContext(r.Context(), "cannot read incidents for the feed", "error", err)
			http.Error(w, "the incidents cannot be read", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/atom+xml; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write([]byte(xml.Header))
		_ = xml.NewEncoder(w).Encode(newFeed(incidents, d.config(), d.started))
	})
}

// newestIncidents returns the firing and the stored incidents, at most feedLength, the newest first.
func (d *Daemon) newestIncidents(ctx context.Context) ([]alert.Incident, error) {
	list := d.evaluator.Incidents()
	if store := d.state.store(); store != nil {
		stored, err := store.Incidents(ctx, outbox.IncidentFilter{Limit: feedLength})
		if err != nil {
			return nil, err
		}
		for i := range stored {
			if !slices.ContainsFunc(list, func(firing alert.Incident) bool { return firing.ID == stored[i].ID }) {
				list = append(list, stored[i])
			}
		}
	}
	slices.SortStableFunc(list, func(a, b alert.Incident) int { return cmp.Or(b.Fired.Compare(a.Fired), strings.Compare(a.ID, b.ID)) })
	return list[:min(len(list), feedLength)], nil
}

// newFeed makes the feed. Without incidents, it was updated at the start. Identifiers are those of RFC 4151, so that they do not change
// with external_url.
func newFeed(incidents []alert.Incident, cfg *config.Config, started time.Time) atomFeed {
	tag := "tag:" + cfg.Target.Hostname() + ",2026:squarewatch/"
	feed := atomFeed{
		ID: tag + "incidents", Title: "squarewatch: incidents of " + cfg.Target.Host, Author: "squarewatch", Updated: seconds(started),
	}
	if cfg.ExternalURL != "" {
		feed.Links = []atomLink{{Rel: "self", Href: strings.TrimRight(string(cfg.ExternalURL), "/") + "/incidents.atom"}}
	}
	for n := range incidents {
		i := &incidents[n]
		if i.Leader != "" { // the incident that it joined announces it
			continue
		}
		entry := atomEntry{
			ID: tag + "incident/" + i.ID, Title: feedTitle(i), Published: seconds(i.Fired), Updated: seconds(changed(i)), Content: feedContent(i),
		}
		if page := cfg.ExternalURL.Incident(i.ID); page != "" {
			entry.Links = []atomLink{{Rel: "alternate", Href: page}}
		}
		if len(feed.Entries) == 0 || entry.Updated.After(feed.Updated) {
			feed.Updated = entry.Updated
		}
		feed.Entries = append(feed.Entries, entry)
	}
	return feed
}

// seconds returns a time as feeds have it.
func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// changed returns when an incident last changed in a way that is worth reading again.
func changed(i *alert.Incident) time.Time {
	last := i.Fired
	for _, t := range []time.Time{i.Resolved, i.JoinedAt, i.BlameChangedAt} {
		if t.After(last) {
			last = t
		}
	}
	return last
}

func feedTitle(i *alert.Incident) string {
	word := "FIRING"
	switch {
	case i.Ended():
		word = "ENDED"
	case !i.Resolved.IsZero():
		word = "RESOLVED"
	}
	return redact.Printable(fmt.Sprintf("%s %s %s", word, i.Rule, i.Series))
}

// feedContent says whose fault the incident is, what to do, and when it was.
func feedContent(i *alert.Incident) string {
	var parts []string
	if explained, ok := i.Explain(alert.Wording{}); ok {
		parts = append(parts, explained.Say)
		if i.Resolved.IsZero() {
			parts = append(parts, explained.Act)
		}
	}
	if i.EndReason != "" {
		parts = append(parts, "It did not recover: "+i.EndReason+".")
	}
	const layout = "2006-01-02 15:04:05 UTC"
	parts = append(parts, fmt.Sprintf("%d bad runs since %s.", i.BadRuns, i.Since.UTC().Format(layout)))
	if !i.Resolved.IsZero() {
		parts = append(parts, "Over at "+i.Resolved.UTC().Format(layout)+".")
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return redact.Cut(redact.Printable(strings.Join(parts, " ")), feedText)
}
