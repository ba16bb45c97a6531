# Sourced by start-yarn.sh and stop-yarn.sh: which hosts run a NodeManager, and how they are reached.
#   HADOOP_WORKERS   the file of hosts, one a line (default: workers in the configuration; without it, localhost)
#   HADOOP_SSH_OPTS  options of ssh
# shellcheck shell=bash

sbin=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
conf=${HADOOP_CONF_DIR:-${YARN_CONF_DIR:-$sbin/../conf}}
if [ "${1:-}" = --config ]; then
  [ $# -ge 2 ] || { echo "usage: $(basename "$0") [--config DIR]" >&2; exit 2; }
  conf=$2
fi
conf=$(cd "$conf" && pwd) || { echo "$(basename "$0"): no configuration directory $conf; give --config DIR or set HADOOP_CONF_DIR" >&2; exit 1; }
# shellcheck source=environment.sh
. "$sbin/environment.sh"

workers() {
  local file=${HADOOP_WORKERS:-$conf/workers}
  if [ -f "$file" ]; then sed 's/#.*//' "$file" | tr -s ' \t\r' '\n' | grep . || true; else echo localhost; fi
}

# on_workers START|STOP: does it to the NodeManager of every worker at once; fails when one failed.
on_workers() {
  local host pids=() failed=0 p
  while read -r host; do
    if [ "$host" = localhost ] || [ "$host" = "$(uname -n)" ]; then
      "$sbin/yarn-daemon.sh" --config "$conf" "$1" nodemanager &
    else
      # The remote side has the same layout, as with Hadoop's scripts.
      # shellcheck disable=SC2086,SC2029
      ssh ${HADOOP_SSH_OPTS:--o BatchMode=yes -o ConnectTimeout=10s} "$host" \
        "HADOOP_PID_DIR='${HADOOP_PID_DIR:-/tmp}' HADOOP_LOG_DIR='${HADOOP_LOG_DIR:-$sbin/../logs}' '$sbin/yarn-daemon.sh' --config '$conf' $1 nodemanager" </dev/null &
    fi
    pids+=($!)
  done < <(workers)
  for p in "${pids[@]}"; do wait "$p" || failed=1; done
  return "$failed"
}
