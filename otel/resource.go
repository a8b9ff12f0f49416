package otel

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// newResource describes this process. The command line and the user are left out: they say nothing that helps, and may say
// too much. OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME win, as the file has no keys for them. What cannot be
// detected is left out and returned as an error beside the rest.
func newResource(ctx context.Context, version, instance string) (*resource.Resource, error) {
	own := []attribute.KeyValue{semconv.ServiceName(scopeName)}
	if version != "" {
		own = append(own, semconv.ServiceVersion(version))
	}
	if instance != "" {
		own = append(own, semconv.ServiceInstanceID(instance))
	}
	described, err := resource.New(ctx,
		resource.WithSchemaURL(semconv.SchemaURL), // must be the version that the SDK's detectors use
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithProcessPID(),
		resource.WithProcessExecutableName(),
		resource.WithProcessRuntimeName(),
		resource.WithProcessRuntimeVersion(),
		resource.WithAttributes(own...),
		resource.WithFromEnv(),
	)
	if err != nil {
		err = fmt.Errorf("describe this process in telemetry: %w", err)
	}
	if err != nil && !errors.Is(err, resource.ErrPartialResource) && !errors.Is(err, resource.ErrSchemaURLConflict) {
		described = resource.NewWithAttributes(semconv.SchemaURL, own...)
	}
	return described, err
}
