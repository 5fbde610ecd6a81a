#!/usr/bin/env bash
# The engine of the federated device for Linux: ExecuTorch's C++ runtime behind JNI.
#
#   android_demo/build_engine.sh OUT              for this computer
#   android_demo/build_engine.sh OUT aarch64      for 64-bit ARM, such as a Raspberry Pi
#
# Makes OUT/libtinyaudio_engine.so. For this computer it needs the executorch package of $PYTHON where
# it lies; for ARM, ExecuTorch's libraries, from its wheel of the same version, lie beside it.
# From Debian: g++ openjdk-17-jdk-headless; for ARM g++-aarch64-linux-gnu in the place of g++.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
case ${2:-host} in
  host) compiler=g++ package=installed ;;
  aarch64) compiler=aarch64-linux-gnu-g++ package=aarch64 ;;
  *) echo "usage: $0 OUT [aarch64]" >&2; exit 2 ;;
esac
[ $# -ge 1 ] || { echo "usage: $0 OUT [aarch64]" >&2; exit 2; }
out=$(mkdir -p "$1" && cd "$1" && pwd)
python=${PYTHON:-python3}
for tool in "$compiler" javac; do
  command -v "$tool" >/dev/null || { echo "$tool not found; see the head of $0" >&2; exit 2; }
done
jdk=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
# Without importing it, which takes seconds.
executorch=$("$python" -c "from tiny_audio_ssl.bench.native.packages import $package; print($package('executorch'))")

# The kernels and threads register themselves: nothing refers to them, but they must be linked.
libraries=()
for name in executorch executorch_threadpool executorch_kernels_optimized executorch_kernels_quantized executorch_backend_xnnpack; do
  libraries+=("$executorch/lib/lib$name.so")
done
runpath=$executorch/lib
if [ "$package" = aarch64 ]; then
  cp "${libraries[@]}" "$out/"
  runpath=\$ORIGIN
fi
"$compiler" -std=c++17 -O2 -Wall -Wextra -shared -fPIC -DC10_USING_CUSTOM_GENERATED_MACROS \
  -isystem "$executorch/include" -isystem "$executorch/include/executorch/runtime/core/portable_type/c10" \
  -isystem "$jdk/include" -isystem "$jdk/include/linux" \
  "$here/federated/src/main/cpp/engine.cpp" -o "$out/libtinyaudio_engine.so" \
  -Wl,--no-as-needed "${libraries[@]}" -Wl,-rpath,"$runpath"
