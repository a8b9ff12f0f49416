#!/usr/bin/env bash
# Applies each patch of mutations/, which is a fault of the product, to a copy of the repository, and prints what finds it: a random model,
# or else the soak. The first line is without a patch; there, neither may find anything. It fails when a patch no longer applies, and when
# nothing finds one.
# mutations.sh [NAME...]; MODEL has the flags of the daemon's model, SOAK those of the soak.
set -euo pipefail
cd "$(dirname "$0")/../.."
model="${MODEL:--model.seeds 200}"
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

# models runs the random models on the copy. They fail when they find something.
models() {
  # shellcheck disable=SC2086 # the flags are several words
  (cd "$copy/source" && go test -count=1 -run '^(TestTheEngineMatchesTheModel|TestMessagesAlwaysMatchTheIncidents)$' ./alert ./alert/outbox &&
    go test -count=1 -timeout 10m -run '^TestTheDaemonKeepsItsPromises$' ./cmd/squarewatch $model -model.shrinks=false) >"$copy/log" 2>&1
}

# soaks runs the soak on the copy. It fails when it finds something.
soaks() {
  # shellcheck disable=SC2086 # the flags are several words
  (cd "$copy/source" && go test -tags soak -count=1 -timeout 0 -run '^TestSoak$' ./deploy/soak $soak -shrinks 0) >"$copy/log" 2>&1
}

# broken prints the promises that the log names, or the first test that failed. Without either, the log is of a build that failed.
broken() {
  local found
  found=$(sed -n '/ breaks:$/,/\(faults still break it\|^ *with:\)/p' "$copy/log" | sed -n 's/^ *\([a-zA-Z ,'"'"']*\): .*/\1/p' | sort -u | paste -sd ';')
  [ -n "$found" ] || found=$(sed -n 's/^ *--- FAIL: \([^ ]*\).*/\1/p' "$copy/log" | head -n 1)
  [ -n "$found" ] || { cat "$copy/log" >&2; exit 1; }
  echo "$found"
}

# try NAME PATCH prints a line of the table; it returns 1 when nothing is found.
try() {
  rm -rf "$copy/source"
  mkdir "$copy/source"
  git ls-files -z --cached --others --exclude-standard | tar --null --files-from - --create | tar --extract --directory "$copy/source"
  [ -z "$2" ] || (cd "$copy/source" && git apply "$2") || exit 1
  local begin=$SECONDS by=- found=
  if ! models; then
    by=model found=$(broken) || exit 1
  elif ! soaks; then
    by=soak found=$(broken) || exit 1
  fi
  printf '%-26s %-8s %-8s %s\n' "$1" "$((SECONDS - begin))" "$by" "$found"
  [ "$by" != - ]
}

printf '%-26s %-8s %-8s %s\n' mutation seconds 'found by' 'what is broken'
missed=0
! try none '' || missed=1
for name in "${names[@]}"; do
  try "$name" "deploy/soak/mutations/$name.patch" || missed=1
done
exit "$missed"
