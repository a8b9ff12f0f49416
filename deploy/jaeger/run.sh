#!/usr/bin/env bash
# Runs a Jaeger that keeps traces in memory and listens on loopback alone:
# OTLP on 4317 (gRPC) and 4318 (HTTP), the query API and page on http://127.0.0.1:16686.
# Each port can be set: JAEGER_OTLP_GRPC, JAEGER_OTLP_HTTP, JAEGER_QUERY_HTTP, JAEGER_QUERY_GRPC, JAEGER_HEALTH.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
exec "$("$here/build.sh")" --config "$here/jaeger.yaml"
