// Package heartbeat pings a dead man's switch, which notifies people when the pings stop. Only such a switch can report that squarewatch
// itself is down.
package heartbeat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"squarewatch/config/secret"
	"squarewatch/config/setting"
	"squarewatch/probe"
)

// Settings are the keys of heartbeat in the configuration file. Without a URL there is no heartbeat.
type Settings struct {
	// URL is the address to GET. It is secret: a person who knows it can imitate a working daemon. healthchecks.io, for example, takes GET,
	// HEAD and POST (https://healthchecks.io/docs/http_api/).
	URL      secret.Text    `yaml:"url,omitempty"`
	Schedule probe.Schedule `yaml:"schedule,omitempty"` // every minute when absent
}

// DefaultSchedule is the schedule of a file that has none.
func DefaultSchedule() probe.Schedule { return probe.MustSchedule("@every 1m") }

// Validate reports every fault of the settings as [setting.Invalid], joined. References to secrets must have been resolved.
func (s Settings) Validate() error {
	var faults setting.Faults
	if s.URL.IsZero() {
		faults.Add(!s.Schedule.IsZero(), "url", "is missing", "write the address that the dead man's switch shows for this check")
		return faults.Err()
	}
	u, err := url.Parse(s.URL.Reveal())
	faults.Add(err != nil || u.Hostname() == "" || u.Scheme != "https" && (u.Scheme != "http" || !setting.IsLoopback(u.Hostname())),
		"url", "is not an https address (http is allowed for this machine only)",
		"write the address that the dead man's switch shows for this check")
	return faults.Err()
}

// pingLimit is the longest time for one ping.
const pingLimit = 10 * time.Second

// Options are what Run needs.
type Options struct {
	Settings  func() (Settings, time.Time) // returns the settings in force and when they came into force; a reload may change them
	Trouble   func() string                // returns in one line what does not work; empty while everything works
	Logger    *slog.Logger
	UserAgent string
	Client    *http.Client // nil for a new one, which uses the proxy variables of the environment
}

// Run sends a ping at every time of the schedule, until ctx ends. It withholds the ping while something does not work. It logs the first
// ping in a row that fails or is withheld, and the first that succeeds after that. A failed ping is not repeated before the next time of
// the schedule, because a dead man's switch has a grace time.
func Run(ctx context.Context, options Options) {
	if options.Client == nil {
		options.Client = &http.Client{}
	}
	const scheduleCheck = 10 * time.Second // how often to read the schedule, which a reload may change
	ticker := time.NewTicker(scheduleCheck)
	defer ticker.Stop()
	p := pinger{options: options}
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			settings, since := options.Settings()
			if since.After(last) {
				last = since
			}
			if settings.URL.IsZero() || settings.Schedule.Next(last).After(now) {
				continue
			}
			last = now
			p.report(ctx, p.ping(ctx, settings))
		}
	}
}

type pinger struct {
	options Options
	failing string // the reason that the log last gave; empty while pings succeed
}

// ping sends one ping, or returns why the ping failed or was withheld.
func (p *pinger) ping(ctx context.Context, settings Settings) error {
	if trouble := p.options.Trouble(); trouble != "" {
		return fmt.Errorf("withheld, because squarewatch does not work as it should: %s", trouble)
	}
	status, err := get(ctx, p.options.Client, settings.URL.Reveal(), p.options.UserAgent)
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("the dead man's switch answered %d", status)
	}
	return err
}

// get makes a request and returns the status of the answer. Its errors do not hold the address.
func get(ctx context.Context, client *http.Client, address, userAgent string) (status int, _ error) {
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, errors.New("the address is not a valid URL")
	}
	req.Header.Set("User-Agent", userAgent)
	resp, err := client.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // its text repeats the address
		}
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, 4096) // lets the connection be used again
	return resp.StatusCode, nil
}

func (p *pinger) report(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err == nil && p.failing != "":
		p.failing = ""
		p.options.Logger.InfoContext(ctx, "the heartbeat is sent again")
	case err != nil && p.failing == "":
		p.failing = err.Error()
		p.options.Logger.WarnContext(ctx, "the heartbeat is not sent", "reason", p.failing)
	}
}
