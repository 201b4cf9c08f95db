#!/bin/sh
# What the suite needs beyond Python: a browser, and fonts that can write Chinese. Installs it where it can, else says so
# in one line; the tests that need it are then skipped (under CI=true that is a failure).
set -eu
say() { printf '%s\n' "tools: $*" >&2; }

missing=
browser=
for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null && browser=$name && break; done
[ -n "$browser" ] || [ -n "${CHROMIUM:-}" ] || [ "$(uname)" = Darwin ] || missing="chromium"
if command -v fc-list >/dev/null; then
  fc-list :lang=zh-cn family | grep -q . || missing="$missing fonts-noto-cjk"
elif [ "$(uname)" = Linux ]; then
  missing="$missing fonts-noto-cjk"
fi
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  say "installing $missing"
  # shellcheck disable=SC2086
  if { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $missing; } >/dev/null; then
    exit 0
  fi
fi
say "missing: $missing; the tests that need it are skipped (on Debian: sudo apt-get install $missing)"
