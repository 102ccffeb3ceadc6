#!/usr/bin/env bash
# Make sure that there is a Chromium for tests/report: the machine's own, Playwright's download, or Debian's package.
# Where none can be had, says so and exits with 0; the tests that need one are then skipped.
set -euo pipefail
for program in chromium chromium-browser google-chrome; do
    if command -v "$program" > /dev/null; then exit 0; fi
done

starts() {
    python -c 'from playwright.sync_api import sync_playwright as p
with p() as playwright: playwright.chromium.launch(args=["--no-sandbox"]).close()' > /dev/null 2>&1
}

if starts; then exit 0; fi
# Libraries of the system need root; without it a browser that finds them is enough.
dependencies=()
if [ "$(id -u)" = 0 ]; then dependencies=(--with-deps); fi
if timeout 300 python -m playwright install "${dependencies[@]}" --only-shell chromium > /dev/null 2>&1 && starts; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "Installing chromium" >&2
    if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium > /dev/null; then
        exit 0
    fi
fi
echo "REPORT NOT OPENED IN A BROWSER: no Chromium here, and none could be installed" >&2
