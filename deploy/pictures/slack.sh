#!/usr/bin/env bash
# Draws the Slack messages of the documentation from our golden files, into docs/pictures. Needs Node.js with npm, Chromium, and a font with
# emoji, such as Debian's fonts-noto-color-emoji.
set -euo pipefail
cd "$(dirname "$0")"
if ! cmp -s package-lock.json node_modules/.installed; then
  npm ci --ignore-scripts --no-audit --no-fund
  cp package-lock.json node_modules/.installed
fi
mkdir -p ../../docs/pictures
node slack.mjs ../../docs/pictures ../../alert/slack/testdata/{site-firing-401-api,site-firing-500,site-resolved-500}.json
