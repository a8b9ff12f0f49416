package alertmanager

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"squarewatch/alert/outbox"
)

var _ outbox.Checker = (*Notifier)(nil)

// Check asks each member for its status, and posts no alert. It fails when one member does not answer. Errors are of type
// [outbox.DeliveryError].
func (n *Notifier) Check(ctx context.Context) (says string, _ error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	failures := make([]*outbox.DeliveryError, len(n.members))
	var questions sync.WaitGroup
	for i, m := range n.members {
		questions.Go(func() { failures[i] = n.askStatus(ctx, m) })
	}
	questions.Wait()
	if failure := merge(failures, n.members, true); failure != nil {
		return "", failure
	}
	names := make([]string, 0, len(n.members))
	for _, m := range n.members {
		names = append(names, m.name)
	}
	return "Alertmanager answers at " + strings.Join(names, ", "), nil
}

// askStatus asks one member for its status. The request and its answer are described at
// https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml, GET /status.
func (n *Notifier) askStatus(ctx context.Context, m member) *outbox.DeliveryError {
	doing := "ask Alertmanager at " + m.name
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(m.address, "alerts")+"status", http.NoBody)
	if err != nil {
		return outbox.NoAnswer(ctx, doing, err)
	}
	return n.send(ctx, doing, request)
}
