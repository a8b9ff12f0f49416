#!/bin/sh
# Runs before the files go. Debian calls it with "remove" or "upgrade", rpm with the number of versions that stay.
set -e
case "$1" in remove | 0) ;; *) exit 0 ;; esac

if [ -d /run/systemd/system ]; then
  systemctl stop squarewatch.service 'squarewatch@*.service'
fi
for link in /etc/systemd/system/*.wants/squarewatch.service /etc/systemd/system/*.wants/squarewatch@*.service; do
  if [ -L "$link" ]; then
    systemctl --no-reload disable "${link##*/}"
  fi
done
