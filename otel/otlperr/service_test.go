package otlperr_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"squarewatch/otel/otlperr"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestNoServiceOfTheRealExporters pins the texts of the exporters' errors: it fails when an upgrade changes them.
func TestNoServiceOfTheRealExporters(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	spans, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(server.URL+"/v1/traces"))
	if err := exportSpan(t, spans, err); !otlperr.NoService(err) {
		t.Errorf("spans over HTTP: want no service, got %v", err)
	}
	metrics, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpointURL(server.URL+"/v1/metrics"))
	if err := exportMetric(t, metrics, err); !otlperr.NoService(err) || !otlperr.NoService(errors.Join(nil, err)) {
		t.Errorf("metrics over HTTP: want no service, got %v", err)
	}
	logs, err := otlploghttp.New(t.Context(), otlploghttp.WithEndpointURL(server.URL+"/v1/logs"))
	if err := exportLog(t, logs, err); !otlperr.NoService(err) {
		t.Errorf("logs over HTTP: want no service, got %v", err)
	}
	address := serveGRPC(t, 1000, services{metric: metricService{err: status.Error(codes.Unimplemented, "unknown service")}})
	overGRPC, err := otlpmetricgrpc.New(t.Context(), otlpmetricgrpc.WithEndpoint(address), otlpmetricgrpc.WithInsecure())
	if err := exportMetric(t, overGRPC, err); !otlperr.NoService(err) {
		t.Errorf("metrics over gRPC: want no service, got %v", err)
	}
}

// TestAWrongAddressIsNotAMissingService asks for a path that the protocol does not have, and speaks gRPC to a web server.
func TestAWrongAddressIsNotAMissingService(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()
	metrics, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpointURL(server.URL+"/otlp"))
	if err := exportMetric(t, metrics, err); err == nil || otlperr.NoService(err) {
		t.Errorf("another path: want an error other than a missing service, got %v", err)
	}
	address := server.Listener.Addr().String()
	overGRPC, err := otlpmetricgrpc.New(t.Context(), otlpmetricgrpc.WithEndpoint(address), otlpmetricgrpc.WithInsecure())
	if err := exportMetric(t, overGRPC, err); status.Code(err) != codes.Unimplemented || otlperr.NoService(err) {
		t.Errorf("a web server: want UNIMPLEMENTED, but not as a missing service, got %v", err)
	}
}

func TestOtherErrorsAreNotAMissingService(t *testing.T) {
	missing := status.Error(codes.Unimplemented, "unknown service")
	for _, err := range []error{
		errors.Join(missing, errors.New("refused")),
		nil, errors.New("404 Not Found"), status.Error(codes.Unavailable, "refused"),
		errors.New("failed to send to http://127.0.0.1:1: 403 no (404 x)"),
	} {
		if otlperr.NoService(err) {
			t.Errorf("want this error not read as a missing service: %v", err)
		}
	}
}
