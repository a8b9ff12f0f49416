package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

const (
	// attemptTimeout is the timeout of an attempt. A member that hangs delays a delivery by at most this time.
	attemptTimeout = 10 * time.Second
	// answerLimit is how many bytes of an answer are read.
	answerLimit = 4096
	// cutQuote is how many characters of the answer an error quotes at most.
	cutQuote = 300
)

// Notifier posts alerts to every member of one Alertmanager cluster. It may be used by many goroutines at once.
type Notifier struct {
	settings Settings
	options  Options
	members  []member
	client   http.Client
}

var _ outbox.Refresher = (*Notifier)(nil)

// New returns a notifier and sends nothing. The settings must be valid.
func New(settings Settings, options Options) *Notifier {
	n := &Notifier{settings: settings, options: options, members: settings.members()}
	if options.Client != nil {
		n.client = *options.Client
	}
	// A redirected POST would become a GET without the alerts, and would count as delivered.
	n.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return n
}

var _ outbox.Addressed = (*Notifier)(nil)

// Address returns the fingerprint of the cluster's members, in any order.
func (n *Notifier) Address() string {
	var addresses []string
	for _, m := range n.members {
		addresses = append(addresses, m.address)
	}
	slices.Sort(addresses)
	return outbox.Fingerprint(append([]string{"alertmanager"}, addresses...)...)
}

// RefreshEvery returns how often firing alerts must be posted again.
func (n *Notifier) RefreshEvery() time.Duration { return refreshEvery }

// Deliver posts the alerts once to each member. It succeeds when one member accepts them, since that member notifies people. A test
// succeeds when every member accepts it. The returned reference is always empty.
func (n *Notifier) Deliver(ctx context.Context, notification outbox.Notification) (ref string, _ error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	body, err := json.Marshal(Render(notification, n.settings, n.options, time.Now()))
	if err != nil {
		return "", &outbox.DeliveryError{
			Reason: outbox.ReasonInvalid, Permanent: true, Fix: "report this fault of squarewatch",
			Err: fmt.Errorf("write the alerts as JSON: %w", err),
		}
	}
	if len(n.members) == 0 {
		return "", &outbox.DeliveryError{
			Reason: outbox.ReasonInvalid, Permanent: true, Fix: "correct url in the configuration", Err: errors.New("no member to post to"),
		}
	}
	failures := make([]*outbox.DeliveryError, len(n.members))
	var posts sync.WaitGroup
	for i, member := range n.members {
		posts.Go(func() { failures[i] = n.post(ctx, member, body) })
	}
	posts.Wait()
	if failure := merge(failures, n.members, notification.Event == alert.EventTest); failure != nil {
		return "", failure
	}
	return "", nil // a plain nil: an error that holds a nil *DeliveryError is not equal to nil
}

// post makes one request.
func (n *Notifier) post(ctx context.Context, m member, body []byte) *outbox.DeliveryError {
	doing := "post to Alertmanager at " + m.name
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.address, bytes.NewReader(body))
	if err != nil {
		return outbox.NoAnswer(ctx, doing, err)
	}
	request.Header.Set("Content-Type", "application/json")
	return n.send(ctx, doing, request)
}

// send sends a request with the login of the settings.
func (n *Notifier) send(ctx context.Context, doing string, request *http.Request) *outbox.DeliveryError {
	request.Header.Set("User-Agent", "squarewatch")
	if !n.settings.BearerToken.IsZero() {
		request.Header.Set("Authorization", "Bearer "+n.settings.BearerToken.Reveal())
	}
	if login := n.settings.BasicAuth; login != nil {
		request.SetBasicAuth(login.Username.Reveal(), login.Password.Reveal())
	}
	response, err := n.client.Do(request)
	if err != nil {
		return outbox.NoAnswer(ctx, doing, err)
	}
	defer func() { _ = response.Body.Close() }()
	// An incomplete body is not a failure: the status line decides.
	text, _ := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	a := answer{
		status: response.StatusCode, quote: cut(n.settings.withoutSecrets(quoteOf(text)), cutQuote),
		login:      request.Header.Get("Authorization") != "",
		page:       strings.HasPrefix(response.Header.Get("Content-Type"), "text/html"),
		retryAfter: outbox.RetryAfter(response.Header.Get("Retry-After"), time.Now()),
	}
	return a.failure(doing)
}

// merge combines the failures of the members. It returns nil when no member failed, or when one accepted the alerts and all is false.
func merge(failures []*outbox.DeliveryError, members []member, all bool) *outbox.DeliveryError {
	var worst *outbox.DeliveryError // a temporary one, otherwise the first
	var reasons []string
	for i, failure := range failures {
		if failure == nil {
			continue
		}
		reasons = append(reasons, failure.Reason+": "+failure.Err.Error())
		if worst == nil || worst.Permanent && !failure.Permanent {
			worst = failures[i]
		}
	}
	if len(reasons) == 0 || len(reasons) < len(members) && !all {
		return nil
	}
	if len(members) == 1 {
		return worst
	}
	merged := *worst
	merged.Uncertain = slices.ContainsFunc(failures, func(f *outbox.DeliveryError) bool { return f != nil && f.Uncertain })
	merged.Err = fmt.Errorf("%d of %d members did not accept it: %s", len(reasons), len(members), strings.Join(reasons, "; and "))
	return &merged
}
