#!/usr/bin/env bash
# Installs PySpark, Spark with its Hadoop clients, into a virtual environment in the cache. A second run does nothing.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
version=${SPARK_VERSION:-3.5.6}
python=${PYTHON:-python3}
"$python" -c 'import ensurepip' >/dev/null 2>&1 || packages python3-venv python3-pip
have java || packages openjdk-17-jdk-headless
exec 9>"$cache/spark.lock"; flock 9
spark=$cache/spark-$version
if [ ! -f "$spark/.complete" ]; then
  say "installing PySpark $version with pip into $spark (once, about 320 MB)"
  rm -rf "$spark"
  quietly "$cache/spark.log" "$python" -m venv "$spark"
  quietly "$cache/spark.log" "$spark/bin/pip" install -q "pyspark==$version"
  touch "$spark/.complete"
fi
