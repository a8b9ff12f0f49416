#!/usr/bin/env bash
# Installs what the end-to-end tests need on Debian, and builds Jaeger into its cache. Does nothing that is done already.
# With the word "containers", it also installs what runs the compose file.
set -euo pipefail
need=()
command -v systemd-analyze >/dev/null || need+=(systemd)
command -v systemd-nspawn >/dev/null || need+=(systemd-container)
command -v debootstrap >/dev/null || need+=(debootstrap)
command -v prometheus-alertmanager >/dev/null || need+=(prometheus-alertmanager)
command -v promtool >/dev/null || need+=(prometheus)
command -v lintian >/dev/null || need+=(lintian)
command -v rpm >/dev/null || need+=(rpm)
command -v cpio >/dev/null || need+=(cpio)
command -v npm >/dev/null || need+=(nodejs npm)
command -v chromium >/dev/null || need+=(chromium)
command -v zsh >/dev/null || need+=(zsh)
command -v fish >/dev/null || need+=(fish)
[ -e /usr/share/bash-completion/bash_completion ] || need+=(bash-completion)
command -v nginx >/dev/null || need+=(nginx-light)
command -v haproxy >/dev/null || need+=(haproxy)
command -v tinyproxy >/dev/null || need+=(tinyproxy)
command -v dnsmasq >/dev/null || need+=(dnsmasq-base)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || need+=(postgresql)
/usr/bin/python3 -c "import prometheus_client" 2>/dev/null || need+=(python3-prometheus-client)
if [ "${1-}" = containers ]; then
  command -v podman >/dev/null || need+=(podman)
  command -v docker-compose >/dev/null || need+=(docker-compose)
  command -v crun >/dev/null || need+=(crun)
  command -v iptables >/dev/null || need+=(iptables)
  command -v ip >/dev/null || need+=(iproute2)
  [ -e /usr/lib/podman/netavark ] || need+=(netavark aardvark-dns)
fi
if [ ${#need[@]} -gt 0 ]; then
  export DEBIAN_FRONTEND=noninteractive
  # The tests start what they need themselves: no service of a package is to run, now or after a boot.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  apt-get update -q
  apt-get install -q -y --no-install-recommends "${need[@]}"
  for service in prometheus-alertmanager prometheus nginx haproxy tinyproxy postgresql; do
    if [[ " ${need[*]} " =~ " $service"(-light)?" " ]]; then
      systemctl disable "$service"
    fi
  done
fi
# Others' models of Slack, to check our messages; a driver of Chromium and axe-core, to check our page; Grafana's types, to check our
# dashboard.
for judge in "$(dirname "$0")"/{slack,page,grafana}judge; do
  if ! cmp -s "$judge/package-lock.json" "$judge/node_modules/.installed"; then
    npm ci --prefix "$judge" --ignore-scripts --no-audit --no-fund
    cp "$judge/package-lock.json" "$judge/node_modules/.installed"
  fi
done
"$(dirname "$0")/../jaeger/build.sh" >/dev/null
# A Debian that can boot, for what only a real service manager shows. Its tests write nothing into it.
machine="${SQUAREWATCH_E2E_CACHE:-/var/cache/squarewatch-e2e}/debian12"
if [ "$(id -u)" = 0 ] && [ ! -d "$machine" ]; then
  mkdir -p "$(dirname "$machine")"
  rm -rf "$machine.new"
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates bookworm "$machine.new"
  mv "$machine.new" "$machine"
fi
