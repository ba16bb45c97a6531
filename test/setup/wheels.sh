#!/usr/bin/env bash
# Fetches the Python wheels of the TensorFlow jobs into the cache, so that images and virtual
# environments are made without a network. Prints the folder.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
tensorflow=${TENSORFLOW_VERSION:-2.18.1}
wheels=$cache/wheels-tensorflow-$tensorflow
python=${PYTHON:-python3}
"$python" -m pip --version >/dev/null 2>&1 || packages python3-pip python3-venv
exec 9>"$cache/wheels.lock"; flock 9
if [ ! -f "$wheels/.complete" ]; then
  say "fetching tensorflow-cpu $tensorflow with pip into $wheels (once, about 300 MB)" >&2
  mkdir -p "$wheels"
  quietly "$cache/pip.log" "$python" -m pip download -q --only-binary=:all: -d "$wheels" "tensorflow-cpu==$tensorflow"
  touch "$wheels/.complete"
fi
echo "$wheels"
