#!/usr/bin/env bash
# Installs the small tools that the tests call.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
have shellcheck || packages shellcheck
have ps || packages procps
have ip || packages iproute2
