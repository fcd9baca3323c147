#!/bin/sh
# The speed of this machine's GPU in one go: products, kernels that move bytes, and the training step of ViT-base and
# BERT-base, on Deno's WebGPU and on Dawn, which has matrix units, beside PyTorch in float32 and in mixed precision; and
# whether it reaches the goals. What is not there, Dawn or PyTorch, is left out with a line that says so.
#   sh scripts/bench/gpu.sh            on a machine with a GPU (some 10 GiB of its memory)
#   sh scripts/bench/gpu.sh --small    tiny sizes, anywhere: does it run?
#   sh scripts/bench/gpu.sh --backend deno        without Dawn
# Needs Deno 2.9 or later, on the PATH or put into .deno/ by scripts/run.sh (DENO names another), which fetches
# Dawn, too, where it can be had; and for the comparison a Python with torch (PYTHON).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
deno=${DENO:-deno}
# As scripts/run.sh does: where the PATH has none, the one of this checkout.
if [ -z "${DENO:-}" ] && ! command -v deno >/dev/null && [ -x "$here/../../.deno/bin/deno" ]; then
  deno=$here/../../.deno/bin/deno
fi
python=${PYTHON:-python3}
command -v "$deno" >/dev/null || {
  echo "gpu.sh: no Deno found; sh scripts/run.sh doctor fetches one, DENO=/path/to/deno names one" >&2
  exit 2
}
if command -v nvidia-smi >/dev/null; then
  nvidia-smi --query-gpu=name,driver_version,power.limit,clocks.max.sm --format=csv,noheader || :
fi
case " $* " in
  *" --backend deno "*) ;;
  *)
    [ -d "$here/../../.deno/dawn/node_modules/webgpu" ] ||
      UNIS_TEST_BACKEND=dawn sh "$here/../run.sh" --version >/dev/null ||
      echo "gpu.sh: Dawn cannot be had: nothing is measured by matrix units" >&2
    ;;
esac
if "$python" -c 'import torch' >/dev/null 2>&1; then set -- "$@" --python "$python"; fi
# Without the configuration, no package is wanted and none is looked for.
exec "$deno" run -A --no-config --no-lock --no-check "$here/gpu.ts" "$@"
