package collector

import (
	"cmp"
	"context"

	"squarewatch/otel/encoded"
	"squarewatch/otel/otlperr"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// parts sends something in smaller requests when a collector, or a proxy before it, rejects a request for its size. OTLP leaves the size of
// a request open, and what a server accepts differs: 20 MiB for the Collector over HTTP, 4 MiB over gRPC, 1 MiB for nginx
// (https://github.com/open-telemetry/opentelemetry-collector/issues/14298,
// https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size).
type parts[T any] struct {
	send  func(T) error
	halve func(T) (first, second T, ok bool) // false for what cannot be divided
	count func(T) int64
}

// export sends all of it, in halves where that is too large. Only what is too large by itself is lost, which a RejectedError counts. After
// any other error the caller may send all of it again, and the collector then gets some of it twice.
func (p parts[T]) export(all T) error {
	err := p.send(all)
	if !otlperr.TooLarge(err) {
		return err
	}
	first, second, ok := p.halve(all)
	if !ok {
		return &otlperr.RejectedError{Count: p.count(all), Reason: err}
	}
	var lost int64
	var reason error
	for _, half := range []T{first, second} {
		err := p.export(half)
		outcome, n := otlperr.Classify(err, p.count(half))
		if outcome == otlperr.Failed {
			return err
		}
		lost += n
		reason = cmp.Or(reason, err)
	}
	if lost == 0 {
		return nil
	}
	return &otlperr.RejectedError{Count: lost, Reason: reason}
}

// halves divides a list; false for one with a single item.
func halves[T any](list []T) (first, second []T, ok bool) {
	half := len(list) / 2
	return list[:half], list[half:], half > 0
}

// spansInParts sends spans in parts that the collector accepts.
type spansInParts struct{ otlptrace.Client }

// UploadTraces sends spans.
func (c spansInParts) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	return parts[[]*tracepb.ResourceSpans]{
		send:  func(part []*tracepb.ResourceSpans) error { return c.Client.UploadTraces(ctx, part) },
		halve: halveSpans,
		count: countSpans,
	}.export(spans)
}

// halveSpans divides spans between resources, or between scopes, or within a scope. It decodes what [encoded.Unread] returned only when
// there is one resource.
func halveSpans(all []*tracepb.ResourceSpans) (first, second []*tracepb.ResourceSpans, ok bool) {
	if len(all) != 1 {
		return halves(all)
	}
	of, err := encoded.Read(all[0])
	if err != nil {
		return nil, nil, false
	}
	with := func(scopes []*tracepb.ScopeSpans) []*tracepb.ResourceSpans {
		return []*tracepb.ResourceSpans{{Resource: of.GetResource(), SchemaUrl: of.GetSchemaUrl(), ScopeSpans: scopes}}
	}
	if a, b, ok := halves(of.GetScopeSpans()); ok || len(of.GetScopeSpans()) == 0 {
		return with(a), with(b), ok
	}
	scope := of.GetScopeSpans()[0]
	a, b, ok := halves(scope.GetSpans())
	within := func(spans []*tracepb.Span) []*tracepb.ResourceSpans {
		return with([]*tracepb.ScopeSpans{{Scope: scope.GetScope(), SchemaUrl: scope.GetSchemaUrl(), Spans: spans}})
	}
	return within(a), within(b), ok
}

func countSpans(all []*tracepb.ResourceSpans) (n int64) {
	for _, unread := range all {
		of, err := encoded.Read(unread)
		if err != nil {
			n++ // at least one span, because its number is not known
			continue
		}
		for _, scope := range of.GetScopeSpans() {
			n += int64(len(scope.GetSpans()))
		}
	}
	return n
}

// logsInParts sends records in parts that the collector accepts.
type logsInParts struct{ sdklog.Exporter }

// Export sends records.
func (e logsInParts) Export(ctx context.Context, records []sdklog.Record) error {
	return parts[[]sdklog.Record]{
		send:  func(part []sdklog.Record) error { return e.Exporter.Export(ctx, part) },
		halve: halves[sdklog.Record],
		count: func(part []sdklog.Record) int64 { return int64(len(part)) },
	}.export(records)
}
