#!/bin/sh
# Runs when the files are in place. Debian calls it with "configure", rpm with the number of versions that are then installed.
set -e
case "$1" in configure | [0-9]*) ;; *) exit 0 ;; esac

systemd-sysusers squarewatch.conf
file=/etc/squarewatch/squarewatch.yaml
if [ ! -e "$file" ]; then
  install -m 640 -o root -g squarewatch /usr/share/squarewatch/squarewatch.example.yaml "$file"
  echo "squarewatch is installed and not started. Edit $file, write the secrets that it names into"
  echo "/etc/squarewatch/credentials (mode 600), and then: systemctl enable --now squarewatch"
fi

[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
restart="systemctl restart"
if command -v deb-systemd-invoke >/dev/null; then
  restart="deb-systemd-invoke restart" # it respects what the administrator forbids in policy-rc.d
fi

# A daemon whose file the new program refuses goes on with the old program, which it has in memory.
for unit in $(systemctl list-units --state=active --plain --no-legend squarewatch.service 'squarewatch@*.service' | cut -d ' ' -f 1); do
  instance=${unit#squarewatch}
  instance=${instance#@}
  directory=/etc/squarewatch/${instance%.service}
  if ! reasons=$(squarewatch check --config "$directory/squarewatch.yaml" 2>&1); then
    echo "squarewatch: the new version refuses the file of $unit, so the old version goes on until you restart it:" >&2
    echo "$reasons" >&2
    echo "squarewatch: correct the file, and then: systemctl restart $unit" >&2
  elif ! $restart "$unit"; then
    echo "squarewatch: $unit did not start again: journalctl -u $unit says why" >&2
  fi
done
