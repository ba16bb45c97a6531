#!/usr/bin/env bash
# Installs the browser in which the tests look at the web pages.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
have chromium || have chromium-browser || have google-chrome || packages chromium
