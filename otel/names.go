package otel

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// serviceName is the service.name, and the name of the instrumentation scope of all signals.
const serviceName = "squarewatch"

// instrumentationScope returns the scope of all metrics. The version is that of squarewatch.
func instrumentationScope(version string) instrumentation.Scope {
	return instrumentation.Scope{Name: serviceName, Version: version, SchemaURL: semconv.SchemaURL}
}

// Attributes of spans.
const (
	keyProbeName     = attribute.Key("squarewatch.probe.name")
	keyProbeClass    = attribute.Key("squarewatch.probe.class")
	keyProbeExpected = attribute.Key("squarewatch.probe.expected")
	keyRunLateness   = attribute.Key("squarewatch.run.lateness") // seconds
	keyBlame         = attribute.Key("squarewatch.probe.blame")
	keyOutcome       = attribute.Key("squarewatch.credential.outcome")
	keyCredential    = attribute.Key("squarewatch.credential.name")
	keyExcerpt       = attribute.Key("squarewatch.answer.excerpt")
	keyEvidence      = attribute.Key("squarewatch.blame.evidence")
	keyAdvice        = attribute.Key("squarewatch.blame.settle")

	keyLookKind   = attribute.Key("squarewatch.look.kind")
	keyLookPassed = attribute.Key("squarewatch.look.passed")
	keyLookText   = attribute.Key("squarewatch.look.text")

	keyAlertRule      = attribute.Key("squarewatch.alert.rule")
	keyAlertSeries    = attribute.Key("squarewatch.alert.series")
	keyAlertSeverity  = attribute.Key("squarewatch.alert.severity")
	keyAlertRate      = attribute.Key("squarewatch.alert.rate")
	keyAlertThreshold = attribute.Key("squarewatch.alert.threshold")
	keyAlertBlame     = attribute.Key("squarewatch.alert.blame")
	keyIncident       = attribute.Key("squarewatch.incident.id")
)

// eventExcerpt is the event with the excerpt of an unexpected answer.
const eventExcerpt = "squarewatch.answer"

// Attributes of metrics. They are short because people type them into queries.
const (
	labelProbe      = attribute.Key("probe")
	labelClass      = attribute.Key("class")
	labelCode       = attribute.Key("code")
	labelExpected   = attribute.Key("expected")
	labelPhase      = attribute.Key("phase")
	labelReason     = attribute.Key("reason")
	labelRule       = attribute.Key("rule")
	labelSeries     = attribute.Key("series")
	labelSeverity   = attribute.Key("severity")
	labelNotifier   = attribute.Key("notifier")
	labelCredential = attribute.Key("credential")
	labelPart       = attribute.Key("part")
	labelOutcome    = attribute.Key("outcome")
	outcomeSuccess  = "success"
	outcomeFailure  = "failure"
	reasonOther     = "other" // any reason that is not in deliveryReasons
)
