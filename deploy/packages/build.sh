#!/usr/bin/env bash
# Builds the packages of Debian and of Red Hat for each architecture, with lists of what the binary is made of (CycloneDX) and check sums.
# The same commit gives the same bytes: dates and the version are those of the commit.
# make packages calls it with SBOM, the tool for the lists. ARCHES, OUT, VERSION and MAINTAINER may be set.
set -euo pipefail
cd "$(dirname "$0")/../.."
# version prints the version of the last tag, and behind a + how many commits follow it and which the last one is.
version() {
  local full
  full=$(git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null) || full=v0.0.0-$(git rev-list --count HEAD)-g$(git describe --always --dirty)
  sed 's/^v//; s/-/+/; s/-/./g' <<<"$full"
}

out=$(realpath -m "${OUT:-bin/packages}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
VERSION=${VERSION:-$(version)}
MAINTAINER=${MAINTAINER:-$(git log -1 --format='%an <%ae>')}
export SOURCE_DATE_EPOCH MAINTAINER VERSION CGO_ENABLED=0
rm -rf "$out"
mkdir -p "$out"

# generated writes what packages of all architectures have in common.
generated() {
  local stage=$1 binary=$2 shell
  go test ./cmd/squarewatch -run '^TestEveryCommandHasAManualPage$' -count=1 -man "$stage/man" >/dev/null
  gzip -9n "$stage"/man/*
  for shell in bash fish zsh; do
    "$binary" completion $shell >"$stage/completion.$shell"
  done
  gzip -9nc CHANGELOG.md >"$stage/changelog.gz"
  printf 'squarewatch (%s-1) stable; urgency=medium\n\n  * changelog.gz says what changed.\n\n -- %s  %s\n' \
    "$VERSION" "$MAINTAINER" "$(date -uRd "@$SOURCE_DATE_EPOCH")" | gzip -9nc >"$stage/changelog.Debian.gz"
  licences | gzip -9nc >"$stage/third-party.txt.gz"
}

# licences prints the licence texts of the modules in the binary, and of Go.
licences() {
  local module directory
  {
    echo "Go $(go env GOROOT)"
    go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}' -tags grpcnotrace ./cmd/squarewatch | sort -u
  } | while read -r module directory; do
    printf '==== %s\n\n' "$module"
    find "$directory" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \) -print0 | sort -z | xargs -0r cat
    echo
  done
}

# binary builds the program for an architecture.
binary() {
  GOARCH=$1 go build -trimpath -buildvcs=auto -tags grpcnotrace -ldflags '-s -w' -o "$2" ./cmd/squarewatch
}

binary "$(go env GOHOSTARCH)" "$work/squarewatch"
mkdir "$work/stage"
generated "$work/stage" "$work/squarewatch"
for ARCH in ${ARCHES:-amd64 arm64}; do
  binary "$ARCH" "$work/stage/squarewatch"
  export ARCH STAGE=$work/stage
  for format in deb rpm; do
    (cd deploy/packages && go tool nfpm package --config nfpm.yaml --packager $format --target "$out" >/dev/null)
  done
  $SBOM bin -json -licenses -std -noserial -notimestamp -version "$VERSION" -output "$out/squarewatch-$VERSION-$ARCH.cdx.json" "$work/stage/squarewatch"
done
(cd "$out" && sha256sum -- * >SHA256SUMS)
ls "$out"
