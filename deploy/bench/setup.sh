#!/usr/bin/env bash
# Installs what squarewatch is measured beside, from Debian's packages. Does nothing that is done already.
set -euo pipefail
need=()
command -v prometheus >/dev/null || need+=(prometheus)
command -v npm >/dev/null || need+=(nodejs npm)
command -v chromium >/dev/null || need+=(chromium)
command -v prometheus-blackbox-exporter >/dev/null || need+=(prometheus-blackbox-exporter)
if [ ${#need[@]} -gt 0 ]; then
  # The benchmark starts what it needs itself: no service of a package is to run.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  apt-get install -q -y --no-install-recommends "${need[@]}"
fi
judge="$(dirname "$0")/../e2e/pagejudge"
if ! cmp -s "$judge/package-lock.json" "$judge/node_modules/.installed"; then
  npm ci --prefix "$judge" --ignore-scripts --no-audit --no-fund
  cp "$judge/package-lock.json" "$judge/node_modules/.installed"
fi
