#!/usr/bin/env bash
# Fetches Hadoop's client jars of other versions from Maven into the cache: clients.sh VERSION…
# Of 3.5.0 no MapReduce examples are published. A second run does nothing.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
interop=$(cd "$(dirname "${BASH_SOURCE[0]}")/../interop" && pwd)
have javac || packages openjdk-17-jdk-headless
have mvn || packages maven

exec 9>"$cache/clients.lock"; flock 9
for version in "$@"; do
  lib=$cache/clients-of-$version
  [ ! -f "$lib/.complete" ] || continue
  profile=(-P examples); [ "$version" != 3.5.0 ] || profile=()
  say "fetching Hadoop $version's client jars from Maven into $lib (once, about 60 MB)"
  mkdir -p "$lib"
  quietly "$cache/mvn-$version.log" mvn -q -B -f "$interop/pom-clients.xml" -Dhadoop.version="$version" "${profile[@]}" dependency:copy-dependencies -DoutputDirectory="$lib"
  touch "$lib/.complete"
done
