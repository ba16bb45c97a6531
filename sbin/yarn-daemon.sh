#!/usr/bin/env bash
# yarn-daemon.sh [--config DIR] start|stop|status resourcemanager|nodemanager
#
# Runs one daemon in the background, as Hadoop's script of this name does, with the variables of hadoop-env.sh and yarn-env.sh
# in the configuration (such as JAVA_HOME, which containers inherit).
#   HADOOP_CONF_DIR      configuration (--config wins; default: conf beside sbin)
#   HADOOP_PID_DIR       where the pid file is kept (default: /tmp)
#   HADOOP_LOG_DIR       where the logs go (default: logs beside sbin)
#   HADOOP_IDENT_STRING  the name in both (default: the user)
#   HADOOP_STOP_TIMEOUT  seconds until a daemon that does not stop is killed (default: 5)
#   HADOOP_NICENESS      nice value of the daemon (default: 0)
#   YARN_RESOURCEMANAGER_USER, YARN_NODEMANAGER_USER  the account of the daemon; root changes to it (default: the user)
# Exit code of status: 0 runs, 1 has died (a pid file is left), 3 does not run.
set -euo pipefail

home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
usage() { sed -n 2,14p "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//' >&2; exit 2; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

conf=${HADOOP_CONF_DIR:-${YARN_CONF_DIR:-$home/conf}}
if [ "${1:-}" = --config ]; then
  [ $# -ge 2 ] || usage
  conf=$2; shift 2
fi
[ $# -eq 2 ] || usage
args=(--config "$conf" "$@")
action=$1 command=$2
case $command in resourcemanager | nodemanager) ;; *) fail "yarn-daemon.sh: there is no daemon $command; resourcemanager and nodemanager can be run" ;; esac

# shellcheck source=environment.sh
. "$home/sbin/environment.sh"
# As in Hadoop, the account that a daemon is given is the only one that it runs under; root becomes it.
account=YARN_${command^^}_USER
account=${!account:-}
if [ -n "$account" ] && [ "$account" != "$(id -un)" ]; then
  [ "$(id -u)" = 0 ] || fail "ERROR: $command can only be executed by $account."
  # shellcheck disable=SC2016
  exec su -s /bin/bash -c 'exec "$0" "$@"' -- "$account" "$home/sbin/yarn-daemon.sh" "${args[@]}"
fi

ident=${HADOOP_IDENT_STRING:-$(id -un)}
logs=${HADOOP_LOG_DIR:-$home/logs}
pidfile=${HADOOP_PID_DIR:-/tmp}/hadoop-$ident-$command.pid
name=$logs/hadoop-$ident-$command-$(uname -n)

binary=$home/bin/heddle
[ -x "$binary" ] || binary=$(command -v heddle) || fail "yarn-daemon.sh: no heddle in $home/bin or on the PATH; make build makes one"

# pid prints the daemon's process id; a pid file that names another process is stale.
pid() {
  local p
  [ -f "$pidfile" ] || return 1
  p=$(cat "$pidfile")
  [[ $p =~ ^[0-9]+$ ]] || return 1
  ps -p "$p" -o args= 2>/dev/null | grep -qF " $command" || return 1
  echo "$p"
}

# rotate FILE keeps five older ones.
rotate() {
  local n
  for n in 4 3 2 1; do [ ! -f "$1.$n" ] || mv "$1.$n" "$1.$((n + 1))"; done
  [ ! -f "$1" ] || mv "$1" "$1.1"
}

start() {
  local p
  if p=$(pid); then fail "$command is running as process $p.  Stop it first and ensure $pidfile file is empty before retry."; fi
  [ -d "$conf" ] || fail "yarn-daemon.sh: no configuration directory $conf; give --config DIR or set HADOOP_CONF_DIR"
  mkdir -p "$logs" "$(dirname "$pidfile")"
  rotate "$name.out"
  HADOOP_LOG_DIR=$logs setsid nice -n "${HADOOP_NICENESS:-0}" "$binary" "$command" --config "$conf" </dev/null >"$name.out" 2>>"$name.log" &
  p=$!
  echo "$p" >"$pidfile"
  for _ in 1 2 3 4 5 6 7 8 9 10; do # a bad configuration shows within a second
    sleep 0.1
    kill -0 "$p" 2>/dev/null || { rm -f "$pidfile"; tail -n 5 "$name.log" >&2; fail "$command did not start; its log is $name.log"; }
  done
}

stop() {
  local p left
  if ! p=$(pid); then
    rm -f "$pidfile"
    echo "no $command to stop"
    return 0
  fi
  kill "$p"
  left=$((${HADOOP_STOP_TIMEOUT:-5} * 10))
  while kill -0 "$p" 2>/dev/null; do
    if [ "$left" -le 0 ]; then
      echo "WARNING: $command did not stop gracefully after ${HADOOP_STOP_TIMEOUT:-5} seconds: Trying to kill with kill -9" >&2
      kill -9 "$p" 2>/dev/null || true
      break
    fi
    left=$((left - 1))
    sleep 0.1
  done
  rm -f "$pidfile"
}

status() {
  local p
  if p=$(pid); then
    echo "$command is running as process $p."
  elif [ -f "$pidfile" ]; then
    echo "$command is stopped, but its pid file $pidfile is left."
    exit 1
  else
    echo "$command is stopped."
    exit 3
  fi
}

case $action in start | stop | status) "$action" ;; *) usage ;; esac
