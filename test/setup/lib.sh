# shellcheck shell=bash
# Shared by the set-up scripts: where things are kept, and how they say what they do.
set -euo pipefail
cache=${XDG_CACHE_HOME:-$HOME/.cache}/heddle
mkdir -p "$cache"
say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# quietly LOG COMMAND…: runs it, and shows the end of its output only when it fails.
quietly() {
  local log=$1; shift
  if ! "$@" >"$log" 2>&1; then tail -20 "$log" >&2; fail "failed: $* (whole output in $log)"; fi
}

# packages NAME…: installs Debian packages that are missing; without root it says what to run.
packages() {
  local missing=() p
  for p in "$@"; do dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  have apt-get || fail "please install the equivalents of: ${missing[*]}"
  [ "$(id -u)" = 0 ] || fail "please run: sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
  say "installing packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  if ! apt-get install -y --no-install-recommends "${missing[@]}" >"$cache/apt.log" 2>&1; then
    quietly "$cache/apt-update.log" apt-get update
    quietly "$cache/apt.log" apt-get install -y --no-install-recommends "${missing[@]}"
  fi
}
