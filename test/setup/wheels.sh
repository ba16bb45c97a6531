#!/usr/bin/env bash
# Fetches the Python wheels of the TensorFlow jobs into the cache, so that images and virtual
# environments are made without a network. Prints the folder.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
tensorflow=${TENSORFLOW_VERSION:-2.18.1}
python=${PYTHON:-python3}
if [ "$(id -u)" = 0 ] && have apt-get; then packages python3-pip python3-venv >&2; fi # for users who have no other Python than Debian's
"$python" -m pip --version >/dev/null 2>&1 || packages python3-pip python3-venv >&2
wheels=$cache/wheels-tensorflow-$tensorflow-py$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
exec 9>"$cache/wheels.lock"; flock 9
if [ ! -f "$wheels/.complete" ]; then
  say "fetching tensorflow-cpu $tensorflow with pip into $wheels (once, about 300 MB)" >&2
  mkdir -p "$wheels"
  quietly "$cache/pip.log" "$python" -m pip download -q --only-binary=:all: -d "$wheels" "tensorflow-cpu==$tensorflow"
  touch "$wheels/.complete"
fi
echo "$wheels"
