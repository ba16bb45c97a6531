#!/usr/bin/env bash
# stop-yarn.sh [--config DIR]: the NodeManagers of all workers, then the ResourceManager here (see workers.sh, yarn-daemon.sh).
set -euo pipefail
# shellcheck source=workers.sh
. "$(dirname "${BASH_SOURCE[0]}")/workers.sh"
echo "Stopping nodemanagers"
stopped=0
on_workers stop || stopped=$?
echo "Stopping resourcemanager"
"$sbin/yarn-daemon.sh" --config "$conf" stop resourcemanager
exit "$stopped"
