#!/bin/sh
# Writes the file systems of the container image into a directory: root belongs to root, owned to the user of the container.
# The Containerfile calls it, and a test that runs the container without a registry.
set -eu
image=$1
cd "$(dirname "$0")/../.."
mkdir -p "$image/root/usr/bin" "$image/root/etc/ssl/certs" "$image/root/tmp" "$image/owned/var/lib/squarewatch"
CGO_ENABLED=0 go build -trimpath -tags grpcnotrace -ldflags '-s -w' -o "$image/root/usr/bin/squarewatch" ./cmd/squarewatch
cp /etc/ssl/certs/ca-certificates.crt "$image/root/etc/ssl/certs/"
chmod 1777 "$image/root/tmp"
chmod 700 "$image/owned/var/lib/squarewatch"
