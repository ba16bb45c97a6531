#!/usr/bin/env bash
# Runs a distributed TensorFlow job on a cluster of Heddle's own daemons on this machine, and stops everything again.
#
#   EXECUTOR=docker|process   what runs the tasks; unset: Docker where an engine answers
#   FS=file|hdfs|hdfs://H:P   where data and result are: a local folder, a real HDFS of its own, or yours
#   BASE=IMAGE                base of the TensorFlow image, with Python and pip (default: python:3.11-slim)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
heddle=${HEDDLE_BINARY:-$root/bin/heddle}
setup=$root/test/setup
tensorflow=${TENSORFLOW_VERSION:-2.18.1}
image=heddle/tensorflow:$tensorflow
cache=${XDG_CACHE_HOME:-$HOME/.cache}/heddle
state=${XDG_STATE_HOME:-$HOME/.local/state}/heddle/quickstart
EXECUTOR=${EXECUTOR:-}
FS=${FS:-file}

step() { printf '\n== %s\n' "$*"; }
fail() { printf '\nquickstart: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

sandbox='' hdfs='' follow=''
cleanup() {
  local code=$?
  trap - EXIT INT TERM
  if [ -n "$follow" ]; then kill "$follow" 2>/dev/null || true; wait "$follow" 2>/dev/null || true; fi
  if [ -n "$sandbox" ]; then kill -INT "$sandbox" 2>/dev/null || true; wait "$sandbox" 2>/dev/null || true; fi
  [ -z "$hdfs" ] || "$setup/hdfs.sh" stop "$hdfs" || true
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

[ -x "$heddle" ] || fail "$heddle is not built; run: make build"
mkdir -p "$cache" "$state"

choose_executor() {
  case $EXECUTOR in
  process) ;;
  docker) docker version >/dev/null 2>&1 || fail "no Docker engine answers; start Docker, or run: make quickstart EXECUTOR=process" ;;
  '')
    if have docker && docker version >/dev/null 2>&1; then EXECUTOR=docker
    else EXECUTOR=process; echo "No Docker engine answers: the tasks run as processes in a Python virtual environment."; fi ;;
  *) fail "EXECUTOR=$EXECUTOR: want docker or process" ;;
  esac
}

# base_image prints an image with Python: the one asked for, the usual one, or one that is here already.
base_image() {
  local usual=python:3.11-slim own=heddle/test # the latter is made by test/setup/docker.sh
  if [ -n "${BASE:-}" ]; then
    docker image inspect "$BASE" >/dev/null 2>&1 || docker pull -q "$BASE" >&2 || fail "the base image BASE=$BASE is not here and cannot be pulled"
    echo "$BASE"; return
  fi
  if docker image inspect $usual >/dev/null 2>&1 || docker pull -q $usual >&2 2>/dev/null; then echo $usual; return; fi
  if docker image inspect $own >/dev/null 2>&1; then echo "$usual cannot be pulled; $own, which is here, serves as base" >&2; echo $own; return; fi
  fail "$usual cannot be pulled. Name another image that has Python 3.9 to 3.12 and pip: make quickstart BASE=IMAGE
On Debian, as root, test/setup/docker.sh image makes one named heddle/test, which is then found by itself."
}

python_version() { "$@" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

build_image() {
  if docker image inspect "$image" >/dev/null 2>&1; then echo "The image $image is here already."; return; fi
  local base; base=$(base_image)
  local context options=() inside
  context=$(mktemp -d "$cache/image.XXXXXX")
  cp -r "$here/images/tensorflow/." "$context"
  inside=$(python_version docker run --rm --network none --entrypoint python3 "$base") || fail "the image $base has no python3; name another with BASE=IMAGE"
  if have python3 && [ "$(python_version python3)" = "$inside" ]; then # this machine's wheels suit the image: no network inside
    local wheels; wheels=$(TENSORFLOW_VERSION=$tensorflow "$setup/wheels.sh")
    cp -l "$wheels"/*.whl "$context/wheels/" 2>/dev/null || cp "$wheels"/*.whl "$context/wheels/"
    options=(--network none --build-arg PIP_OPTIONS=--no-index)
  fi
  echo "Building the image $image on $base (once, some minutes; log: $cache/image.log)"
  docker buildx version >/dev/null 2>&1 || export DOCKER_BUILDKIT=0
  if ! docker build "${options[@]}" --build-arg BASE="$base" --build-arg TENSORFLOW="$tensorflow" -t "$image" "$context" >"$cache/image.log" 2>&1; then
    tail -5 "$cache/image.log" >&2; rm -rf "$context"; fail "the image could not be built (log: $cache/image.log)"
  fi
  rm -rf "$context"
}

make_venv() {
  have python3 || fail "python3 is not installed; install Python 3.9 to 3.12, or start Docker and use EXECUTOR=docker"
  venv=$cache/venv-tensorflow-$tensorflow-$(python_version python3)
  if [ -f "$venv/.complete" ]; then echo "The virtual environment $venv is here already."; return; fi
  local wheels; wheels=$(TENSORFLOW_VERSION=$tensorflow "$setup/wheels.sh")
  echo "Making the virtual environment $venv (once, about a minute)"
  rm -rf "$venv"
  if ! { python3 -m venv "$venv" && "$venv/bin/pip" install -q --no-index --find-links "$wheels" "tensorflow-cpu==$tensorflow"; } >"$cache/venv.log" 2>&1; then
    tail -5 "$cache/venv.log" >&2; fail "the virtual environment could not be made (log: $cache/venv.log)"
  fi
  touch "$venv/.complete"
}

start_files() {
  case $FS in
  file) fs=file:/// ;;
  hdfs)
    step "HDFS: a real NameNode and DataNode"
    hdfs=$state/hdfs
    fs=$("$setup/hdfs.sh" start "$hdfs") || { hdfs=''; exit 1; }
    echo "HDFS is at $fs" ;;
  hdfs://*) fs=$FS ;;
  *) fail "FS=$FS: want file, hdfs or hdfs://host:port" ;;
  esac
}

start_sandbox() {
  local out=$state/sandbox.out
  "$heddle" sandbox --dir "$state/sandbox" --fresh --fs "$fs" --executor "$EXECUTOR" >"$out" 2>&1 &
  sandbox=$!
  for _ in $(seq 100); do
    if grep -q 'is ready' "$out"; then break; fi
    kill -0 "$sandbox" 2>/dev/null || { sandbox=''; cat "$out" >&2; fail "the sandbox did not start"; }
    sleep 0.1
  done
  cat "$out"
  grep -q 'is ready' "$out" || fail "the sandbox did not get ready in 10 s"
  export HADOOP_CONF_DIR=$state/sandbox/conf
}

prepare_job() {
  if [ "$FS" = file ]; then place=file://$state/sandbox/shared/tensorflow-ps; else place=$fs/tmp/heddle-quickstart-$(id -un); fi
  local data=$cache/quickstart-data
  if [ ! -f "$data/.complete" ]; then
    if have python3; then python3 "$here/tensorflow-ps/make_data.py" "$data"
    else docker run --rm --network none -u "$(id -u):$(id -g)" -v "$here:$here:ro" -v "$cache:$cache" --entrypoint python3 "$image" "$here/tensorflow-ps/make_data.py" "$data"; fi
    touch "$data/.complete"
  fi
  "$heddle" fs rm -r -f "$place"
  "$heddle" fs mkdir -p "$place/data"
  "$heddle" fs put "$data/train.bin" "$data/test.bin" "$place/data"
  "$heddle" fs put "$here/tensorflow-ps/train.py" "$place"
  job=$state/job.yaml
  sed "s#\$PAI_DEFAULT_FS_URI/examples/tensorflow-ps#$place#" "$here/tensorflow-ps/job.yaml" >"$job"
  echo "Data and program are in $place"
}

# show_tasks waits until every task runs and shows where.
show_tasks() {
  for _ in $(seq 300); do
    if [ "$("$heddle" job status tensorflow-ps 2>/dev/null | grep -c ' RUNNING ')" -ge 4 ]; then break; fi
    sleep 0.2
  done
  "$heddle" job status tensorflow-ps
  if [ "$EXECUTOR" = docker ]; then
    echo; docker ps --filter label=heddle.task --format 'table {{.ID}}\t{{.Image}}\t{{.Status}}\t{{.Names}}'
  fi
}

# progress prints what the chief says, as it says it, until the job ends.
progress() {
  local seen=0 lines pause='' last=''
  trap 'kill $pause 2>/dev/null; exit' TERM
  while [ -z "$last" ]; do
    [ ! -f "$state/ended" ] || last=yes
    sleep 1 & pause=$!
    wait "$pause"
    lines=$("$heddle" job logs --role chief --file stdout tensorflow-ps 2>/dev/null | grep -E '^(untrained|step|worker|trained)' || true)
    tail -n +$((seen + 1)) <<<"$lines" | sed '/^$/d; s/^/  /'
    [ -z "$lines" ] || seen=$(wc -l <<<"$lines")
  done
}

choose_executor
step "TensorFlow $tensorflow"
if [ "$EXECUTOR" = docker ]; then build_image; options=(); else make_venv; options=(--env "PYTHON=$venv/bin/python"); fi
start_files
step "The cluster: heddle sandbox"
start_sandbox
step "The job: a chief, a parameter server and two workers"
prepare_job
"$heddle" job submit --executor "$EXECUTOR" "${options[@]}" "$job"
show_tasks
step "Progress, as the chief tells it"
rm -f "$state/ended"
progress & follow=$!
code=0
"$heddle" job wait tensorflow-ps >"$state/wait.out" || code=$?
touch "$state/ended"
wait "$follow" || true # it prints the last lines
follow=''
tail -1 "$state/wait.out"
[ "$code" = 0 ] || fail "the job failed; see: heddle job logs tensorflow-ps (log of the cluster: $state/sandbox/logs/sandbox.log)"
result=$("$heddle" fs cat "$place/result/result.json")
accuracy=$(sed -E 's/.*"accuracy": ([0-9.]+).*/\1/' <<<"$result")
step "Held-out accuracy: $accuracy (from $place/result/result.json)"
awk -v a="$accuracy" 'BEGIN { exit !(a >= 0.9) }' || fail "that is less than 0.9"
cat <<TEXT

What to try next:
  bin/heddle sandbox                                 a cluster that stays; it prints its web page and how clients find it
  bin/heddle job submit examples/tensorflow-ps/job.yaml   after editing it; docs/jobs.md has the fields
  make quickstart FS=hdfs                            the same with data on a real HDFS
  make quickstart EXECUTOR=process                   the same without Docker
TEXT
