#!/bin/sh
# sh scripts/test_swiftshader.sh [TEST ...]     for example: sh scripts/test_swiftshader.sh tests/gpu
#
# Runs tests (those of the engine if none are named) on SwiftShader, the software driver of Chromium, which has no f16:
# the one that Debian's chromium-common brings, or another by SWIFTSHADER=/path/to/vk_swiftshader_icd.json.
# Exit status: that of the tests, and 0, with a line that says so, where there is none.
set -eu
driver=${SWIFTSHADER:-/usr/lib/chromium/vk_swiftshader_icd.json}
cd -- "$(dirname -- "$0")/.."
[ $# -gt 0 ] || set -- tests/gpu tests/tensor tests/ops/op_table_test.ts tests/ops/nan_test.ts tests/nn tests/optim
[ -e "$driver" ] || {
  echo "test_swiftshader.sh: skipped, since there is no $driver: apt-get install chromium-common brings it (Debian)"
  exit 0
}
deno=$(command -v deno || echo .deno/bin/deno)
export DENO_WEBGPU_BACKEND=vulkan VK_DRIVER_FILES="$driver"
exec "$deno" run -A --no-check scripts/test_by_file.ts "$@"
