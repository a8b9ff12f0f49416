#!/usr/bin/env bash
# Builds what is published of a version: packages, lists of what is in them, check sums, and notes. make release calls it.
# The version is that of the tag at this commit. CHANGELOG.md must have a section of it, with what an upgrade needs.
set -euo pipefail
cd "$(dirname "$0")/../.."

# fail says what is missing, and what to do.
fail() {
  echo "no release: $1" >&2
  exit 1
}

[ -z "$(git status --porcelain)" ] || fail "the work tree has changes: commit them"
tag=$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null) || fail "this commit has no tag: write the section of CHANGELOG.md, then git tag -a vX.Y.Z"
version=${tag#v}
notes=$(awk -v version="$version" '/^## /{inside = $2 == version; next} inside' CHANGELOG.md)
[[ $notes == *"### Upgrade"* ]] || fail "CHANGELOG.md has no section '## $version' with '### Upgrade'"
OUT=bin/release VERSION=$version deploy/packages/build.sh
printf '# squarewatch %s\n%s\n' "$version" "$notes" >bin/release/NOTES.md
