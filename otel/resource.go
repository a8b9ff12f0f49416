package otel

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// newResource returns the resource attributes of this process. It leaves out the command line and the user, which do not help and may hold
// secrets. OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME override the attributes, because the file has no keys for them. If some
// attributes cannot be detected, it returns the others together with an error.
func newResource(ctx context.Context, version, instance string, more ...attribute.KeyValue) (*resource.Resource, error) {
	own := append([]attribute.KeyValue{semconv.ServiceName(serviceName)}, more...)
	if version != "" {
		own = append(own, semconv.ServiceVersion(version))
	}
	if instance != "" {
		own = append(own, semconv.ServiceInstanceID(instance))
	}
	res, err := resource.New(ctx,
		resource.WithSchemaURL(semconv.SchemaURL), // must be the version of the SDK's detectors
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
		err = fmt.Errorf("detect the resource attributes of this process: %w", err)
	}
	if err != nil && !errors.Is(err, resource.ErrPartialResource) && !errors.Is(err, resource.ErrSchemaURLConflict) {
		res = resource.NewWithAttributes(semconv.SchemaURL, own...)
	}
	return res, err
}

// location returns the attribute for the place of this host; none when it has no name. Prometheus makes labels of the attributes of a
// metric, but not of those of a resource: https://prometheus.io/docs/guides/opentelemetry/#promoting-resource-attributes.
func location(name string) []attribute.KeyValue {
	if name == "" {
		return nil
	}
	return []attribute.KeyValue{attribute.String("squarewatch.location", name)}
}
