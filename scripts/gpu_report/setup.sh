#!/bin/sh
# Fetches, into FOLDER, the compilers that `deno task gpu:report --compilers FOLDER` asks:
#   sh scripts/gpu_report/setup.sh FOLDER
# Mesa of Debian's backports with its noop shims (RADV, NVK, HoneyKrisp, llvmpipe) and spirv-val, unpacked below
# FOLDER/debian and run by its own loader: neither root nor a chroot is needed, and nothing is installed. Tint, from npm,
# by Deno. naga-cli, where there is a cargo to compile it. Slang and NVIDIA's compiler, from PyPI, unpacked. What is there
# already is kept. Needs Linux on x86-64 with apt and dpkg-deb, and about 900 MB. DEBIAN_MIRROR names another mirror, DENO another Deno.
set -eu
[ $# -eq 1 ] || { echo "usage: sh scripts/gpu_report/setup.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd -P)
release=trixie
dawn=0.6.2
nvidia="slangtorch==1.3.22 nvidia-cuda-nvrtc-cu12==12.9.86 nvidia-cuda-nvcc-cu12==12.9.86 nvidia-cuda-nvdisasm==13.5.37
  nvidia-cuda-runtime-cu12==12.9.79"
naga=29.0.4 # that of Deno 2.9

say() { printf '%s\n' "$*" >&2; }

# --- Mesa -----------------------------------------------------------------------------------------------------------
root=$folder/debian
if [ -e "$root/usr/lib/x86_64-linux-gnu/libamdgpu_noop_drm_shim.so" ]; then
  say "Mesa is there"
else
  # Where this system is a Debian, its mirror; the packages' own signatures are checked either way.
  here=$(sed -n 's/^URIs: *//p;s/^deb \(http[^ ]*\).*/\1/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    grep 'debian/*$' | head -n 1 || :)
  mirror=${DEBIAN_MIRROR:-${here:-http://deb.debian.org/debian}}
  apt=$folder/apt
  mkdir -p "$apt/etc/preferences.d" "$apt/lists/partial" "$apt/archives/partial"
  : >"$apt/status" # nothing is installed, so that apt fetches all that is needed
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  for suite in $release $release-backports; do echo "deb [signed-by=$keys] $mirror $suite main"; done >"$apt/sources.list"
  options="-q -o Dir::Etc=$apt/etc -o Dir::Etc::sourcelist=$apt/sources.list -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State=$apt -o Dir::State::status=$apt/status -o Dir::State::lists=$apt/lists -o Dir::Cache=$apt
    -o Dir::Cache::archives=$apt/archives -o APT::Architecture=amd64 -o APT::Architectures=amd64
    -o APT::Install-Recommends=false -o Debug::NoLocking=true -o APT::Sandbox::User=root"
  say "Fetching Mesa from $mirror ..."
  # shellcheck disable=SC2086
  apt-get $options update >&2
  # shellcheck disable=SC2086
  apt-get $options install -y --download-only -t $release-backports \
    mesa-vulkan-drivers mesa-drm-shim libvulkan1 spirv-tools libc6 libgcc-s1 >&2
  rm -rf "$root.part"
  mkdir -p "$root.part"
  for package in "$apt"/archives/*.deb; do dpkg-deb --extract "$package" "$root.part"; done
  mv "$root.part" "$root"
  rm -rf "$apt"
fi
# --- Tint -----------------------------------------------------------------------------------------------------------
deno=${DENO:-$(command -v deno || echo "$(dirname "$0")/../../.deno/bin/deno")}
if [ -d "$folder/dawn/node_modules/webgpu" ]; then
  say "Tint is there"
elif command -v "$deno" >/dev/null; then
  say "Fetching Tint (npm webgpu $dawn) ..."
  mkdir -p "$folder/dawn"
  echo "{\"dependencies\":{\"webgpu\":\"$dawn\"}}" >"$folder/dawn/package.json"
  (cd "$folder/dawn" && "$deno" install --quiet >&2)
else
  say "No Deno found: without Tint"
fi

# --- naga -----------------------------------------------------------------------------------------------------------
if [ -x "$folder/bin/naga" ]; then
  say "naga is there"
elif command -v cargo >/dev/null; then
  say "Compiling naga-cli $naga (minutes) ..."
  cargo install --quiet naga-cli --version "$naga" --locked --root "$folder" >&2
else
  say "No cargo found: without naga"
fi
# --- NVIDIA's compiler --------------------------------------------------------------------------------------------
if [ -e "$folder/nvidia/nvidia/cuda_runtime/include/cuda_fp16.h" ]; then
  say "NVIDIA's compiler is there"
elif command -v python3 >/dev/null; then
  say "Fetching Slang, NVRTC, ptxas and nvdisasm (PyPI) ..."
  rm -rf "$folder/nvidia" "$folder/nvidia.part"
  mkdir -p "$folder/nvidia.part/wheels"
  # shellcheck disable=SC2086
  python3 -m pip download --quiet --no-deps --dest "$folder/nvidia.part/wheels" $nvidia >&2
  for wheel in "$folder"/nvidia.part/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$folder/nvidia.part"; done
  rm -r "$folder/nvidia.part/wheels"
  (cd "$folder/nvidia.part" && chmod +x slangtorch/bin/slangc nvidia/cuda_nvcc/bin/ptxas nvidia/cu13/bin/nvdisasm)
  mv "$folder/nvidia.part" "$folder/nvidia"
else
  say "No python3 found: without NVIDIA's compiler"
fi
say "Ready: deno task gpu:report --compilers $folder"
