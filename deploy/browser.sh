#!/usr/bin/env bash
# Debian's Chromium and its driver, for the tests that read pages with a real browser. Run by `make test-full`.
set -euo pipefail
say() { printf '%s\n' "$*" >&2; }

if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  say "Installing the system packages chromium and chromium-driver"
  apt-get -qq update && apt-get -qq install -y chromium chromium-driver >/dev/null
else
  say "There is no Chromium with its driver; the tests that need one are skipped. Debian: apt-get install chromium chromium-driver"
fi
