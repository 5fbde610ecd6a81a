#!/usr/bin/env bash
# The debug APK without Android Studio, its SDK or Google's repositories.
#
#   android_demo/build_without_sdk.sh [OUT] [FLAVOR]
#
# OUT is android_demo/build/without-sdk if left out. FLAVOR is demo, or federated: with the network.
# $PYTHON has tiny-audio-ssl. $ASSETS is the folder of assets, app/src/main/assets if left out; if
# no encoder is there, it gets $MODEL, a run or the name of a model: small if left out.
# From Debian: openjdk-17-jdk-headless npm zipalign libandroid-json-java.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "${1:-$here/build/without-sdk}" && cd "${1:-$here/build/without-sdk}" && pwd)
python=${PYTHON:-python3}
assets=${ASSETS:-$here/app/src/main/assets}
flavor=${2:-demo}
package=org.tinyaudiossl.demo
case $flavor in
  demo)
    renamed=()
    sources=("$here"/{encoder,app}/src/main/kotlin)
    ;;
  federated)
    renamed=(--rename-manifest-package "$package.federated")
    sources=("$here"/{encoder,federated,app}/src/main/kotlin "$here/app/src/federated/kotlin")
    ;;
  *) echo "$flavor: no flavor of this app; expected demo or federated" >&2; exit 2 ;;
esac
abis="arm64-v8a x86_64"
json=/usr/share/java/com.android.json.jar
jdk=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")

for tool in java javac jar keytool npm zipalign; do
  command -v "$tool" >/dev/null || { echo "$tool not found; see the head of $0" >&2; exit 2; }
done
[ -f "$json" ] || { echo "$json not found; apt-get install libandroid-json-java" >&2; exit 2; }

if [ -z "${ASSETS:-}" ] && [ ! -f "$assets/encoder/manifest.json" ]; then
  "$python" -m tiny_audio_ssl export "${MODEL:-small}" --recipe live-microphone --format onnx \
    --out "$out/export" --android "$here"
fi
if [ -f "$assets/encoder/manifest.json" ]; then
  "$python" -m tiny_audio_ssl.export.android "$assets"
else
  echo "No encoder in the app: tiny-audio-ssl export small --android android_demo" >&2
fi
with_assets=()
for folder in "$assets" "$here/app/src/$flavor/assets"; do
  [ ! -d "$folder" ] || with_assets+=(-A "$folder")
done

# Where what was downloaded lies: $kotlin, $android_tools, $executorch_java, $onnxruntime_aar.
packages=$("$python" "$here/without_sdk/packages.py")
eval "$packages"
kotlin=$kotlin/package/lib
tools=$android_tools/mobsf/StaticAnalyzer/tools
executorch=$executorch_java/package/android/libs/classes.jar
onnxruntime=$onnxruntime_aar/classes.jar

version() { # of gradle/libs.versions.toml
  sed -n "s/^$1 = \"\(.*\)\"/\1/p" "$here/gradle/libs.versions.toml"
}

rm -rf "$out"/*
mkdir -p "$out"/{stubs,classes,dex,aapt,generated}

echo "resources"
(cd "$out/aapt" && jar xf "$tools/apktool_2.10.0.jar" prebuilt/linux/aapt2_64 brut/androlib/android-framework.jar)
aapt2=$out/aapt/prebuilt/linux/aapt2_64
chmod +x "$aapt2"
"$python" "$here/without_sdk/merge_manifests.py" "$here/app/src/main/AndroidManifest.xml" \
  "$here/app/src/$flavor/AndroidManifest.xml" >"$out/merged.xml"
# What Gradle adds to the manifest.
sed -e "s/<manifest /&package=\"$package\" /" -e "s/<application/& android:extractNativeLibs=\"true\" android:debuggable=\"true\"/" \
  "$out/merged.xml" >"$out/AndroidManifest.xml"
for set in main "$flavor"; do
  "$aapt2" compile --dir "$here/app/src/$set/res" -o "$out/res-$set.zip"
done
"$aapt2" link -I "$out/aapt/brut/androlib/android-framework.jar" --manifest "$out/AndroidManifest.xml" \
  --min-sdk-version "$(version minSdk)" --target-sdk-version "$(version targetSdk)" \
  --version-code "$(version appCode)" --version-name "$(version app)" \
  "${renamed[@]}" --auto-add-overlay \
  --java "$out/generated" "${with_assets[@]}" -o "$out/unaligned.apk" "$out/res-main.zip" -R "$out/res-$flavor.zip"

echo "classes"
mapfile -t stubs < <(find "$here/without_sdk/stubs" -name '*.java')
javac -nowarn -Xlint:-options --release 8 -d "$out/stubs" "${stubs[@]}"
mapfile -t generated < <(find "$out/generated" -name '*.java')
javac -nowarn -Xlint:-options --release 8 -d "$out/classes" "${generated[@]}"
compiler=$(printf '%s:' "$kotlin"/{kotlin-compiler,kotlin-stdlib,kotlin-script-runtime,kotlin-reflect,kotlin-daemon-client,kotlinx-coroutines-core-jvm,annotations-13.0}.jar)
# One tier of the JVM's compilers: a short run never pays for the second.
java -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=128m -cp "$compiler" org.jetbrains.kotlin.cli.jvm.K2JVMCompiler \
  -no-stdlib -no-reflect -jvm-target 1.8 -Werror -module-name app \
  -classpath "$kotlin/kotlin-stdlib.jar:$out/stubs:$out/classes:$onnxruntime:$executorch:$json" \
  -d "$out/classes" "${sources[@]}"

echo "dex"
d8() {
  java -XX:TieredStopAtLevel=1 -cp "$tools/bundletool-all-1.17.2.jar" com.android.tools.r8.D8 --debug \
    --min-api "$(version minSdk)" --lib "$out/stubs" --lib "$jdk" "$@" |
    sed "/^Info: .*kotlin.Metadata/d" # newer than this D8, and only for reflection
}
library_dex=${kotlin%/package/lib}-$(basename "$onnxruntime_aar")-$(version minSdk).dex
if [ ! -d "$library_dex" ]; then # what is pinned is translated once, and kept beside the downloads
  made=$(mktemp -d "$library_dex.XXXXXX")
  d8 --output "$made" "$kotlin/kotlin-stdlib.jar" "$onnxruntime"
  mv -T "$made" "$library_dex" || rm -r "$made" # another build was faster
fi
mapfile -t classes < <(find "$out/classes" -name '*.class')
d8 --classpath "$executorch" --classpath "$json" --classpath "$kotlin/kotlin-stdlib.jar" \
  --classpath "$onnxruntime" --output "$out/dex" "${classes[@]}"
cp "$library_dex/classes.dex" "$out/dex/classes2.dex"

echo "apk"
for abi in $abis; do
  mkdir -p "$out/native/lib/$abi"
  cp "$onnxruntime_aar/jni/$abi"/*.so "$out/native/lib/$abi/"
done
"$python" "$here/without_sdk/pack.py" "$out/unaligned.apk" "$out/dex" "$out/native"
zipalign -p -f 4 "$out/unaligned.apk" "$out/aligned.apk"
keytool -genkeypair -keystore "$out/debug.keystore" -storepass android -keypass android -alias debug \
  -keyalg RSA -keysize 2048 -validity 10000 -dname CN=debug >/dev/null 2>&1
java -jar "$tools/apksigner.jar" sign --v4-signing-enabled false --ks "$out/debug.keystore" --ks-pass pass:android \
  --out "$out/app-debug.apk" "$out/aligned.apk"
rm -rf "$out"/{unaligned.apk,aligned.apk,native,res-main.zip,"res-$flavor.zip"}
echo "$out/app-debug.apk"
