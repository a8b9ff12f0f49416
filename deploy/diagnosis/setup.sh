#!/usr/bin/env bash
# Installs what the matrix of faults needs on Debian: the stack that the API is made of. Does nothing that is done already.
set -euo pipefail
need=()
for package in python3-django python3-djangorestframework python3-djangorestframework-simplejwt python3-django-oauth-toolkit gunicorn \
  nginx-light; do
  dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || need+=("$package")
done
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
  if [[ " ${need[*]} " == *" nginx-light "* ]]; then
    systemctl disable nginx
  fi
fi
