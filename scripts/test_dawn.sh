#!/bin/sh
# sh scripts/test_dawn.sh [TEST ...]     for example: sh scripts/test_dawn.sh tests/ops
#
# Runs tests (all of them if none are named, half an hour or more on two cores) on Deno's own WebGPU and on Dawn, both on
# the software driver of a Mesa that Dawn can use, which Debian 12 has not: in a chroot of Debian 13 with the Mesa of its
# backports, made in .deno/trixie or the folder CHROOT (0.7 GB, some minutes, as root). Whatever scripts/test_by_file.ts
# takes may be named as well; BACKENDS=dawn leaves the other out. The last lines say how many tests passed and failed on each.
# Exit status: that of the tests, and 0, with a line that says so, where no such driver can be had.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
chroot=${CHROOT:-$root/.deno/trixie}
cd -- "$root"

skip() {
  echo "test_dawn.sh: skipped, since $*"
  exit 0
}

in_chroot() { chroot "$chroot" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

make_chroot() {
  [ -e "$chroot/usr/share/vulkan/icd.d/lvp_icd.json" ] && [ -e "$chroot/usr/bin/git" ] && return 0
  [ "$(id -u)" -eq 0 ] || skip "a chroot takes root"
  if ! [ -e "$chroot/etc/debian_version" ]; then
    command -v apt-get >/dev/null || skip "a chroot is made by Debian's tools"
    command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >/dev/null ||
      skip "debootstrap cannot be had"
    # The mirror of this system, where that is a Debian.
    mirror=
    if grep -q '^ID=debian' /etc/os-release; then
      mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | head -n 1)
    fi
    echo "test_dawn.sh: making a chroot of Debian 13 in $chroot ..."
    debootstrap --variant=minbase trixie "$chroot" ${mirror:+"$mirror"} >"$chroot.log" 2>&1 ||
      skip "debootstrap failed, as $chroot.log says"
    mirror=$(awk '{ print $2; exit }' "$chroot/etc/apt/sources.list")
    echo "deb $mirror trixie-backports main" >>"$chroot/etc/apt/sources.list"
  fi
  # Tests of the repository's own scripts want git.
  {
    in_chroot apt-get update -qq &&
      in_chroot DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -t trixie-backports mesa-vulkan-drivers libvulkan1 git
  } >>"$chroot.log" 2>&1 || skip "Mesa cannot be installed, as $chroot.log says"
}

# Deno, the packages and Dawn come with the checkout, which the chroot sees under its own path, as it does Deno's cache:
# it knows of what is installed, so that nothing is asked of the network.
UNIS_TEST_BACKEND=dawn sh scripts/run.sh --version >/dev/null || skip "Dawn cannot be had"
deno=$(command -v deno || echo "$root/.deno/bin/deno")
deno=$(readlink -f "$deno")
make_chroot
mkdir -p "$chroot$root" "$chroot/proc" "$chroot/usr/local/bin"
cmp -s "$deno" "$chroot/usr/local/bin/deno" || cp -f "$deno" "$chroot/usr/local/bin/deno"
mounted=
release() { for at in $mounted; do umount "$at" || :; done; }
trap release EXIT
trap 'exit 143' INT TERM
cache=$("$deno" info --json | sed -n 's/^ *"denoDir": "\(.*\)".*/\1/p')
history=$(git rev-parse --path-format=absolute --git-common-dir 2>/dev/null || echo "$root")
for at in "$root" "$(readlink -f "$root/.deno")" "$history" "$cache" /proc; do
  if ! mountpoint -q "$chroot$at"; then
    mkdir -p "$chroot$at"
    mount --bind "$at" "$chroot$at" || skip "nothing can be mounted here"
    mounted="$chroot$at $mounted"
  fi
done

status=0
counts=
for backend in ${BACKENDS:-deno dawn}; do
  echo "== On $backend"
  log=$(mktemp)
  chroot "$chroot" env -i HOME=/root PATH=/usr/local/bin:/usr/bin:/bin NO_COLOR=1 XDG_RUNTIME_DIR=/tmp \
    DENO_DIR="$cache" DENO_NO_UPDATE_CHECK=1 DENO_WEBGPU_BACKEND=vulkan UNIS_TEST_BACKEND="$backend" \
    VK_DRIVER_FILES=/usr/share/vulkan/icd.d/lvp_icd.json sh -c 'cd "$1" && shift && exec deno run -A --no-check scripts/test_by_file.ts "$@"' \
    sh "$root" "$@" | tee "$log"
  last=$(tail -n 1 "$log")
  rm -f "$log"
  counts="$counts$backend: $last
"
  case $last in *" passed, 0 failed, "*) ;; *) status=1 ;; esac
done
printf '%s' "$counts"
exit "$status"
