#!/bin/sh
# Runs when the files are gone. Debian calls it with "remove", "purge" or "upgrade", rpm with the number of versions that stay.
set -e
case "$1" in remove | purge | 0) ;; *) exit 0 ;; esac

if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl reset-failed 'squarewatch.service' 'squarewatch@*.service' 2>/dev/null || true
fi
[ "$1" = purge ] || exit 0

rm -rf /etc/squarewatch /run/squarewatch /run/squarewatch-* \
  /var/lib/squarewatch /var/lib/squarewatch-* /var/lib/private/squarewatch /var/lib/private/squarewatch-* \
  /etc/systemd/system/squarewatch.service.d /etc/systemd/system/squarewatch@.service.d /etc/systemd/system/squarewatch@*.service.d
if getent passwd squarewatch >/dev/null && command -v userdel >/dev/null; then
  userdel squarewatch
fi
