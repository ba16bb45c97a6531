#!/usr/bin/env bash
# Fetches Hadoop's jars from Maven into the cache, and compiles the Java clients of test/interop against them.
# Prints nothing but what it does; a second run does nothing.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
interop=$(cd "$(dirname "${BASH_SOURCE[0]}")/../interop" && pwd)
version=${HADOOP_VERSION:-3.4.2}
lib=$cache/hadoop-$version
have javac || packages openjdk-17-jdk-headless
have mvn || packages maven

exec 9>"$cache/hadoop.lock"; flock 9
complete=.complete-$(sha256sum < "$interop/pom.xml" | cut -c1-16)
if [ ! -f "$lib/$complete" ]; then
  say "fetching Hadoop $version from Maven into $lib (once, about 100 MB)"
  mkdir -p "$lib"
  quietly "$cache/mvn.log" mvn -q -B -f "$interop/pom.xml" -Dhadoop.version="$version" dependency:copy-dependencies -DoutputDirectory="$lib"
  touch "$lib/.complete" "$lib/$complete"
fi
sum=$(cat "$interop"/java/*.java | sha256sum | cut -c1-16)
if [ ! -f "$cache/clients-$version-$sum.jar" ]; then
  say "compiling the Java clients of test/interop"
  classes=$(mktemp -d); trap 'rm -rf "$classes"' EXIT
  quietly "$cache/javac.log" javac -nowarn -cp "$lib/*" -d "$classes" "$interop"/java/*.java
  rm -f "$lib"/heddle-clients.jar "$cache/clients-$version"-*.jar
  jar cf "$cache/clients-$version-$sum.jar" -C "$classes" .
  ln -sf "$cache/clients-$version-$sum.jar" "$lib/heddle-clients.jar"
fi
