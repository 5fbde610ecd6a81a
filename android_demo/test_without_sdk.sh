#!/usr/bin/env bash
# Tests of the Kotlin code on this computer's JVM, after build_without_sdk.sh OUT federated: the build
# that has all of it.
#
#   android_demo/test_without_sdk.sh [OUT]
#
# Leaves OUT/java.args: `ONNXRUNTIME=libonnxruntime.so.1.31.1 java @OUT/java.args CLASS` runs what was
# compiled, with that library of the onnxruntime wheel.
# From Debian: gcc junit4 libhamcrest-java, and those of the build.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "${1:-$here/build/without-sdk}" && pwd)
python=${PYTHON:-python3}
java=/usr/share/java
for jar in junit4 hamcrest-all com.android.json; do
  [ -f "$java/$jar.jar" ] || { echo "$java/$jar.jar not found; see the head of $0" >&2; exit 2; }
done

packages=$("$python" "$here/without_sdk/packages.py")
eval "$packages"
kotlin=$kotlin/package/lib
libraries=$kotlin/kotlin-stdlib.jar:$kotlin/kotlin-test.jar:$kotlin/kotlin-test-junit.jar
libraries=$libraries:$java/junit4.jar:$java/hamcrest-all.jar:$java/com.android.json.jar

echo "test classes"
mkdir -p "$out"/{test-classes,onnxruntime,docs,tmp}
# The page that tells how to use the library is compiled too.
sed -n '/^```kotlin$/,/^```$/{/^```/!p}' "$here/../docs/android.md" >"$out/docs/Page.kt"
compiler=$(printf '%s:' "$kotlin"/{kotlin-compiler,kotlin-stdlib,kotlin-script-runtime,kotlin-reflect,kotlin-daemon-client,kotlinx-coroutines-core-jvm,annotations-13.0}.jar)
java -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=128m -cp "$compiler" org.jetbrains.kotlin.cli.jvm.K2JVMCompiler \
  -no-stdlib -no-reflect -jvm-target 17 -Werror -Xfriend-paths="$out/classes" \
  -classpath "$out/classes:$out/stubs:$libraries" -d "$out/test-classes" \
  "$out/docs/Page.kt" "$here"/{encoder/src/test,app/src/test,app/src/testFederated}/kotlin

cp "$onnxruntime_java"/ai/onnxruntime/native/linux-x64/libonnxruntime4j_jni.so "$out/onnxruntime/"
needed=$(readelf -dV "$out/onnxruntime/libonnxruntime4j_jni.so")
name=$(sed -n 's/.*\[\(libonnxruntime\.so\.[0-9.]*\)\]/\1/p' <<<"$needed")
version=$(grep -om1 'VERS_[0-9.]*' <<<"$needed")
echo "$version { global: Ort*; local: *; };" >"$out/onnxruntime/names.map"
gcc -shared -fPIC -O1 "$here/without_sdk/onnxruntime_names.c" -o "$out/onnxruntime/libonnxruntime.so" \
  -Wl,-soname,"$name" -Wl,--version-script,"$out/onnxruntime/names.map"

cat >"$out/java.args" <<ARGS
-Djava.io.tmpdir=$out/tmp
-XX:TieredStopAtLevel=1
-Djava.awt.headless=true
-Dres=$here/app/src/main/res:$here/app/src/federated/res
-Donnxruntime.native.path=$out/onnxruntime
-cp $out/classes:$out/test-classes:$libraries:$onnxruntime_java:$out/stubs
ARGS

mapfile -t tests < <(cd "$out/test-classes" && find . -name '*Test.class' | sed -e 's,^\./,,' -e 's,/,.,g' -e 's,\.class$,,' | sort)
java "@$out/java.args" org.junit.runner.JUnitCore "${tests[@]}"
