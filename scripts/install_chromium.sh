#!/usr/bin/env bash
# Make sure that a Chromium for the browser tests is here: found, or installed with apt, or asked for by name.
set -euo pipefail

for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome-stable google-chrome; do
  if [ -n "$name" ] && command -v "$name" >/dev/null; then
    echo "Browser for the tests: $(command -v "$name")"
    exit 0
  fi
done

if [ "$(id -u)" = 0 ]; then
  as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=(sudo -n)
else
  as_root=(none)
fi

if command -v apt-get >/dev/null && [ "${as_root[*]:-}" != none ]; then
  echo "Installing chromium with apt."
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core
  command -v chromium >/dev/null && exit 0
fi

cat >&2 <<'EOT'
The browser tests need Chromium, and it could not be installed from here.
Install the package `chromium` (Debian: apt install chromium; Fedora: dnf install chromium; or Google Chrome), or
point to a browser of your own: make test CHROMIUM=/path/to/chrome
EOT
exit 1
