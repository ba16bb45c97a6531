#!/usr/bin/env bash
# hdfs.sh start DIR   a real NameNode and DataNode on loopback, under DIR; prints the file system's URI
# hdfs.sh stop DIR    ends them
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# = 2 ] || { sed -n 2,3p "${BASH_SOURCE[0]}"; exit 2; }
dir=$2
jars=$cache/hadoop-${HADOOP_VERSION:-3.4.2}
host=127.0.0.1

free_port() {
  local p=$1
  while (exec 3<>"/dev/tcp/$host/$p") 2>/dev/null; do p=$((p + 1)); done
  echo "$p"
}
property() { printf '  <property><name>%s</name><value>%s</value></property>\n' "$1" "$2"; }
daemon() { # NAME CLASS
  setsid java -Xmx256m --add-opens=java.base/java.lang=ALL-UNNAMED -cp "$dir/conf:$jars/*" "$2" >"$dir/$1.log" 2>&1 &
  echo $! >"$dir/$1.pid"
}
running() { [ -f "$dir/$1.pid" ] && kill -0 "$(cat "$dir/$1.pid")" 2>/dev/null; }

start() {
  "$(dirname "${BASH_SOURCE[0]}")/hadoop.sh" >&2
  mkdir -p "$dir/conf/webapps/hdfs" "$dir/conf/webapps/datanode" # the daemons look for these folders; empty is enough
  local port; port=$(free_port 8020)
  local uri=hdfs://$host:$port
  { echo '<configuration>'; property fs.defaultFS "$uri"; property hadoop.tmp.dir "$dir/tmp"; echo '</configuration>'; } >"$dir/conf/core-site.xml"
  {
    echo '<configuration>'
    property dfs.replication 1
    property dfs.namenode.http-address "$host:$(free_port 9870)"
    property dfs.datanode.address "$host:$(free_port 9866)"
    property dfs.datanode.http.address "$host:$(free_port 9864)"
    property dfs.datanode.ipc.address "$host:$(free_port 9867)"
    property dfs.namenode.name.dir "$dir/name"
    property dfs.datanode.data.dir "$dir/data"
    property dfs.namenode.rpc-bind-host "$host"
    echo '</configuration>'
  } >"$dir/conf/hdfs-site.xml"
  printf '%s\n' 'log4j.rootLogger=INFO,stderr' 'log4j.appender.stderr=org.apache.log4j.ConsoleAppender' 'log4j.appender.stderr.target=System.err' \
    'log4j.appender.stderr.layout=org.apache.log4j.PatternLayout' 'log4j.appender.stderr.layout.ConversionPattern=%d{ISO8601} %p %c{1}: %m%n' >"$dir/conf/log4j.properties"
  if [ ! -d "$dir/name/current" ]; then
    quietly "$dir/format.log" java --add-opens=java.base/java.lang=ALL-UNNAMED -cp "$dir/conf:$jars/*" org.apache.hadoop.hdfs.server.namenode.NameNode -format -nonInteractive -force
  fi
  daemon namenode org.apache.hadoop.hdfs.server.namenode.NameNode
  daemon datanode org.apache.hadoop.hdfs.server.datanode.DataNode
  for _ in $(seq 240); do
    running namenode || fail "the NameNode ended: $(tail -3 "$dir/namenode.log") (log: $dir/namenode.log)"
    running datanode || fail "the DataNode ended: $(tail -3 "$dir/datanode.log") (log: $dir/datanode.log)"
    if grep -q 'Successfully registered with NN\|successfully registered with NN' "$dir/datanode.log"; then echo "$uri"; return 0; fi
    sleep 0.25
  done
  stop
  fail "HDFS did not start in a minute (logs in $dir)"
}
stop() {
  local d
  for d in datanode namenode; do
    if running "$d"; then kill "$(cat "$dir/$d.pid")" || true; fi
  done
  for d in datanode namenode; do
    for _ in $(seq 50); do running "$d" || break; sleep 0.1; done
    if running "$d"; then kill -9 "$(cat "$dir/$d.pid")" || true; fi
    rm -f "$dir/$d.pid"
  done
}
case $1 in start | stop) "$1" ;; *) sed -n 2,3p "${BASH_SOURCE[0]}"; exit 2 ;; esac
