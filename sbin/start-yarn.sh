#!/usr/bin/env bash
# start-yarn.sh [--config DIR]: the ResourceManager here, a NodeManager on every worker (see workers.sh, yarn-daemon.sh).
set -euo pipefail
# shellcheck source=workers.sh
. "$(dirname "${BASH_SOURCE[0]}")/workers.sh"
echo "Starting resourcemanager"
"$sbin/yarn-daemon.sh" --config "$conf" start resourcemanager
echo "Starting nodemanagers"
on_workers start
