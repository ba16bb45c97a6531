#!/usr/bin/env bash
# docker.sh start     a Docker engine for tests: one that answers already, else our own, ended by `stop`
# docker.sh stop      ends the engine that `start` started, and nothing else
# docker.sh host      prints the DOCKER_HOST to use (empty: the default socket)
# docker.sh image     makes the small image heddle/test (a shell and coreutils) in that engine
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
home=$cache/docker
socket=$home/docker.sock
mkdir -p "$home"

answers() { DOCKER_HOST=${1:-} docker version >/dev/null 2>&1; }
ours() { [ -f "$home/pid" ] && [ "$(cat "/proc/$(cat "$home/pid")/comm" 2>/dev/null)" = dockerd ]; }
host() { if answers; then echo; elif answers "unix://$socket"; then echo "unix://$socket"; else return 1; fi; }

start() {
  if ! have docker || ! have dockerd; then packages docker.io runc containerd iptables; fi
  if host >/dev/null; then return 0; fi
  [ "$(id -u)" = 0 ] || fail "no Docker engine answers, and only root can start one; please start Docker"
  say "starting a Docker engine for the tests (data and log in $home)"
  setsid dockerd --data-root "$home/data" --exec-root "$home/exec" --pidfile "$home/dockerd.pid" -H "unix://$socket" >"$home/log" 2>&1 9>&- &
  echo $! >"$home/pid"
  for _ in $(seq 150); do answers "unix://$socket" && return 0; ours || break; sleep 0.2; done
  tail -5 "$home/log" >&2; fail "the Docker engine did not start (log: $home/log)"
}
stop() {
  ours || { rm -f "$home/pid"; return 0; }
  local pid; pid=$(cat "$home/pid")
  say "stopping the Docker engine that the tests started"
  kill "$pid"
  for _ in $(seq 100); do [ -d "/proc/$pid" ] || break; sleep 0.2; done
  rm -f "$home/pid"
}
image() {
  local h; h=$(host) || fail "no Docker engine; run docker.sh start first"
  export DOCKER_HOST=$h; [ -n "$h" ] || unset DOCKER_HOST
  if docker image inspect heddle/test >/dev/null 2>&1; then return 0; fi
  have debootstrap || packages debootstrap
  if [ ! -f "$home/base.tar" ]; then
    [ "$(id -u)" = 0 ] || fail "making the test image needs root (debootstrap)"
    say "making a small Debian root for the test image (once, about a minute)"
    local root; root=$(mktemp -d)
    quietly "$home/debootstrap.log" debootstrap --variant=minbase --include=python3,python3-pip,ca-certificates bookworm "$root"
    rm -rf "$root"/var/cache/apt/archives/*.deb
    tar -C "$root" -cf "$home/base.tar.part" . && mv "$home/base.tar.part" "$home/base.tar"
    rm -rf "$root"
  fi
  say "importing the image heddle/test"
  docker import "$home/base.tar" heddle/test >/dev/null
}
case "${1:-}" in start | stop | host | image) "$1" ;; *) sed -n 2,5p "${BASH_SOURCE[0]}"; exit 2 ;; esac
