# Sourced by the other scripts, with $conf set: the variables of hadoop-env.sh and yarn-env.sh, and YARN_… in place of HADOOP_…
# where an older configuration names them so, as in Hadoop's own scripts.
# shellcheck shell=bash

export HADOOP_CONF_DIR=${conf:?}
set +eu # they are written for a shell that forgives
for file in hadoop-env.sh yarn-env.sh; do
  # shellcheck source=/dev/null
  [ ! -f "$conf/$file" ] || . "$conf/$file"
done
set -eu
for name in LOG_DIR PID_DIR IDENT_STRING NICENESS STOP_TIMEOUT; do
  old=YARN_$name
  if [ -n "${!old:-}" ]; then
    echo "WARNING: $old has been replaced by HADOOP_$name. Using value of $old." >&2
    export "HADOOP_$name=${!old}"
  fi
done
unset file name old
