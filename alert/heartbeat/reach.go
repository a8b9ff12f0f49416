package heartbeat

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// Reach asks the server of the dead man's switch for its first page, within ctx, and returns the status of the answer. That is not a
// ping, since the address of a ping names the check in its path. For an address without a path, Reach returns [ErrNoPath] and asks nothing.
func (s Settings) Reach(ctx context.Context, client *http.Client, userAgent string) (status int, err error) {
	u, err := url.Parse(s.URL.Reveal())
	if err != nil {
		return 0, errors.New("the address is not a valid URL")
	}
	if u.Path == "" || u.Path == "/" {
		return 0, ErrNoPath
	}
	first := url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}
	return get(ctx, client, first.String(), userAgent)
}

// ErrNoPath is the error of [Settings.Reach] for an address without a path.
var ErrNoPath = errors.New("every request to this server may be a ping, since its address has no path")
