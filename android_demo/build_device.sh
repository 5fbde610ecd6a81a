#!/usr/bin/env bash
# The federated device for a JVM: this computer's, or another one's that OUT is copied to.
#
#   android_demo/build_device.sh OUT [--tests]    --tests: its Kotlin tests too, which are run
#
# Makes OUT/tiny-audio-device, which needs the engine that build_engine.sh makes in the same folder.
# Leaves OUT/java.args: `java @OUT/java.args CLASS` runs what was compiled. $PYTHON has tiny-audio-ssl.
# From Debian: openjdk-17-jre-headless npm libandroid-json-java; for tests junit4 libhamcrest-java.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { echo "usage: $0 OUT [--tests]" >&2; exit 2; }
out=$(mkdir -p "$1" && cd "$1" && pwd)
python=${PYTHON:-python3}
java=/usr/share/java
sources=("$here/federated/src/main/kotlin")
jars=("$java/com.android.json.jar")

kotlin=$("$python" "$here/without_sdk/packages.py" kotlin)
kotlin=${kotlin#*=}/package/lib
if [ "${2:-}" = --tests ]; then
  sources+=("$here/federated/src/test/kotlin")
  jars+=("$java"/{junit4,hamcrest-all}.jar "$kotlin"/kotlin-test{,-junit}.jar)
fi
for jar in "${jars[@]}"; do
  [ -f "$jar" ] || { echo "$jar not found; see the head of $0" >&2; exit 2; }
done
libraries=$(IFS=:; echo "$kotlin/kotlin-stdlib.jar:${jars[*]}")

rm -rf "$out/classes"
compiler=$(printf '%s:' "$kotlin"/{kotlin-compiler,kotlin-stdlib,kotlin-script-runtime,kotlin-reflect,kotlin-daemon-client,kotlinx-coroutines-core-jvm,annotations-13.0}.jar)
# One tier of the JVM's compilers: a short run never pays for the second.
java -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=128m -cp "$compiler" org.jetbrains.kotlin.cli.jvm.K2JVMCompiler \
  -no-stdlib -no-reflect -jvm-target 1.8 -Werror -module-name federated \
  -classpath "$libraries" -d "$out/classes" "${sources[@]}"
mkdir -p "$out/tmp" # for the folders that tests leave behind
cat >"$out/java.args" <<ARGS
-Djava.io.tmpdir=$out/tmp
-XX:TieredStopAtLevel=1
-XX:+UseSerialGC
-Xmx96m
-cp $out/classes:$libraries
ARGS

# A heap that grows only when it must, and one arena for the engine: memory of boards is small.
rm -rf "$out/lib"
mkdir -p "$out/lib"
cp "$kotlin/kotlin-stdlib.jar" "$java/com.android.json.jar" "$out/lib/"
(cd "$out/classes" && "$python" -m zipfile -c "$out/lib/device.jar" ./*)
cat >"$out/tiny-audio-device" <<'LAUNCHER'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
export MALLOC_ARENA_MAX=1
exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xms4m -Xmx96m \
  -XX:MinHeapFreeRatio=10 -XX:MaxHeapFreeRatio=20 \
  -XX:SharedArchiveFile="$here/lib/classes.jsa" -Xlog:disable \
  -cp "$here/lib/device.jar:$here/lib/kotlin-stdlib.jar:$here/lib/com.android.json.jar" \
  org.tinyaudiossl.federated.MainKt --engine "$here/libtinyaudio_engine.so" "$@"
LAUNCHER
chmod +x "$out/tiny-audio-device"

# Java maps its classes as one run has left them, which halves its start. The archive is of this Java
# and of this folder: elsewhere Java reads the classes as ever.
sed s/SharedArchiveFile/ArchiveClassesAtExit/ "$out/tiny-audio-device" >"$out/once"
sh "$out/once" --state "$out/state" --key >/dev/null
rm -r "$out/once" "$out/state"

if [ "${2:-}" = --tests ]; then
  mapfile -t tests < <(cd "$out/classes" && find . -name '*Test.class' | sed -e 's,^\./,,' -e 's,/,.,g' -e 's,\.class$,,' | sort)
  java "@$out/java.args" org.junit.runner.JUnitCore "${tests[@]}"
fi
