#!/usr/bin/env bash
# Installs what the end-to-end tests need on Debian, and builds Jaeger into its cache. Does nothing that is done already.
set -euo pipefail
need=()
command -v systemd-analyze >/dev/null || need+=(systemd)
if [ ${#need[@]} -gt 0 ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  apt-get install -q -y --no-install-recommends "${need[@]}"
fi
"$(dirname "$0")/../jaeger/build.sh" >/dev/null
