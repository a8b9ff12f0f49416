#!/usr/bin/env bash
# Applies each patch of mutations/, which is a fault of the product, to a copy of the repository, runs the soak on the copy, and prints
# which promises were broken. The first run is without a patch and must break none. It fails when a patch no longer applies, and when the
# soak finds nothing.
# mutations.sh [NAME...]; SOAK has the flags of the soak.
set -euo pipefail
cd "$(dirname "$0")/../.."
soak="${SOAK:--length 150s -seed 3 -lateness 250ms}"
if [ $# = 0 ]; then
  mapfile -t names < <(basename -s .patch deploy/soak/mutations/*.patch)
else
  names=("$@")
fi
for name in "${names[@]}"; do
  git apply --check "deploy/soak/mutations/$name.patch"
done
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

# try NAME PATCH prints a line of the table; it returns 1 when the soak finds nothing, and prints its output when it cannot be run.
try() {
  rm -rf "$copy/source"
  mkdir "$copy/source"
  git ls-files -z --cached --others --exclude-standard | tar --null --files-from - --create | tar --extract --directory "$copy/source"
  [ -z "$2" ] || (cd "$copy/source" && git apply "$2") || exit 1
  local begin=$SECONDS status=0 found='nothing'
  # shellcheck disable=SC2086 # the flags are several words
  (cd "$copy/source" && go test -tags soak -count=1 -timeout 0 -run '^TestSoak$' ./deploy/soak $soak -shrinks 0) >"$copy/log" 2>&1 || status=1
  if [ "$status" = 1 ]; then
    found=$(sed -n '/ breaks:$/,/faults still break it/p' "$copy/log" | sed -n 's/^        \([a-zA-Z ,'"'"']*\): .*/\1/p' | sort -u | paste -sd ';')
    [ -n "$found" ] || { cat "$copy/log"; exit 1; }
  fi
  printf '%-26s %-8s %s\n' "$1" "$((SECONDS - begin))" "$found"
  [ "$status" = 1 ]
}

printf '%-26s %-8s %s\n' mutation seconds 'promises that were broken'
missed=0
! try none '' || missed=1
for name in "${names[@]}"; do
  try "$name" "deploy/soak/mutations/$name.patch" || missed=1
done
exit "$missed"
