#!/bin/sh
# sh scripts/run.sh COMMAND [ARGUMENT ...]     for example: sh scripts/run.sh train --epochs 3
#
# Makes this checkout ready and becomes `unis COMMAND ARGUMENT ...`, with what the command needs of Deno, or, for
# test, check, bench and compile, that task of deno.json; --help says what commands there are. It finds Deno or puts
# one into .deno/, installs the npm packages of deno.lock, and sees to it that a GPU adapter (at least a software one)
# can be had. Nothing outside the checkout is changed, but for system packages, and those only as root. Everything is
# checked on every run, for it costs a fraction of a second and a driver can go away; only what is missing is fetched.
# --backend dawn also wants Dawn, an npm package of 130 MB, which goes into .deno/dawn.
# Paths among the arguments of `unis` count from the folder in which this is typed; the tasks work in the checkout.
# compile makes dist/unis, for which Deno fetches its base of such programs from dl.deno.land.
# Exit status: that of the command; 2 when something must be installed by hand, which the last line then says.
set -eu

# Tasks run in the checkout, and those of `unis` then go back to INIT_CWD. Deno sets it, but not where npm or another
# task has done so.
INIT_CWD=$(pwd)
export INIT_CWD

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd -- "$root"
local_deno=$root/.deno/bin/deno

# Only backends that compute as the kernels expect; OpenGL would otherwise stand in silently for a missing Vulkan.
DENO_WEBGPU_BACKEND=${DENO_WEBGPU_BACKEND:-vulkan,metal,dx12}
export DENO_WEBGPU_BACKEND

# Mesa complains on every start where this is unset; where a desktop session runs, it is set. An empty private folder
# keeps Mesa quiet and is found by nobody else.
if [ -z "${XDG_RUNTIME_DIR:-}" ] && [ "$(uname -s)" = Linux ] && mkdir -p -m 700 .deno/runtime 2>/dev/null; then
  export XDG_RUNTIME_DIR="$root/.deno/runtime"
fi

say() { printf '%s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# Ends with the one command to type.
ask_for() { # REASON COMMAND
  say "unis: $1 Please run this once, then try again:"
  say "  $2"
  exit 2
}

# Installs system packages as root with apt-get, else prints how.
install_packages() { # REASON PACKAGE ...
  reason=$1
  shift
  if have apt-get; then
    command="apt-get update && apt-get install -y --no-install-recommends $*"
    if [ "$(id -u)" -eq 0 ]; then
      say "unis: $reason Installing $* ..."
      { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } \
        </dev/null >/dev/null || ask_for "$* could not be installed." "$command"
    elif have sudo; then
      ask_for "$reason" "sudo sh -c '$command'"
    else
      ask_for "$reason" "su -c '$command'"
    fi
  elif have dnf; then
    ask_for "$reason" "sudo dnf install $*"
  else
    say "unis: $reason Please install, with the package manager of this system, what Debian calls: $*"
    exit 2
  fi
}

is_recent_deno() { # PATH: does it run, and is it 2.9 or later?
  version=$("$1" --version 2>/dev/null </dev/null) || return 1
  version=${version#deno }
  major=${version%%.*}
  minor=${version#*.}
  minor=${minor%%.*}
  case $major$minor in '' | *[!0-9]*) return 1 ;; esac
  [ "$major" -gt 2 ] || { [ "$major" -eq 2 ] && [ "$minor" -ge 9 ]; }
}

find_deno() {
  for deno in "$(command -v deno || :)" "$local_deno" "${HOME:-}/.deno/bin/deno"; do
    if [ -x "$deno" ] && is_recent_deno "$deno"; then return 0; fi
  done
  return 1
}

# The platform package holds the program itself, so no install script has to run: some versions of npm refuse those.
install_deno_with_npm() {
  npm install --prefix "$root/.deno" --cache "$root/.deno/npm-cache" --no-save --ignore-scripts \
    --no-audit --no-fund --no-update-notifier --loglevel=error --logs-max=0 --fetch-retries=1 \
    "deno@^2.9.0" </dev/null >/dev/null || :
  rm -rf "$root/.deno/npm-cache"
  for program in "$root"/.deno/node_modules/@deno/*/deno; do
    chmod +x "$program" 2>/dev/null || continue
    ln -sf "../${program#"$root/.deno/"}" "$local_deno"
    is_recent_deno "$local_deno" && return 0
  done
  return 1
}

# CI=1 and a stdout that is no terminal keep the installer from offering to edit shell profiles.
install_deno_with_installer() {
  if ! have curl || ! { have unzip || have 7z; }; then
    # Whoever must type a command should not be asked a second time, for the driver.
    driver=
    ls /usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json >/dev/null 2>&1 || driver=mesa-vulkan-drivers
    install_packages "Fetching Deno takes curl and unzip." curl ca-certificates unzip $driver
  fi
  installer=$root/.deno/install.sh
  curl -fsSL https://deno.land/install.sh -o "$installer" </dev/null &&
    CI=1 DENO_INSTALL=$root/.deno sh "$installer" </dev/null 2>&1 | cat >&2
  rm -f "$installer"
  is_recent_deno "$local_deno"
}

install_deno() {
  say "unis: no Deno 2.9 or later found; putting one into .deno/ ..."
  mkdir -p "$root/.deno/bin"
  if have npm && have node && install_deno_with_npm; then :
  elif install_deno_with_installer; then :
  else
    rm -f "$local_deno"
    say "unis: Deno could not be fetched: the reason stands above. Any Deno 2.9 or later on the PATH will do as well."
    exit 2
  fi
  deno=$local_deno
}

install_dependencies() {
  [ -d node_modules ] || say "unis: installing the npm packages of deno.lock ..."
  "$deno" install --frozen --quiet </dev/null >&2 || {
    say "unis: the npm packages could not be installed: the reason stands above."
    exit 2
  }
}

has_adapter() {
  "$deno" eval --no-config --no-lock \
    'Deno.exit(await navigator.gpu.requestAdapter() === null ? 1 : 0)' </dev/null >/dev/null 2>&1
}

need_adapter() {
  has_adapter && return 0
  if [ "$(uname -s)" = Darwin ]; then
    say "unis: Metal offers no GPU adapter on this machine."
    exit 2
  fi
  install_packages "No Vulkan adapter found." mesa-vulkan-drivers
  has_adapter && return 0
  say "unis: mesa-vulkan-drivers is installed, yet no Vulkan adapter can be had; \`vulkaninfo --summary\` may say why."
  exit 2
}

# Dawn has a lock of its own: in that of the program it would be installed with the other packages, for everybody.
need_dawn() {
  folder=$root/.deno/dawn
  if ! cmp -s scripts/dawn/deno.lock "$folder/deno.lock" || ! [ -d "$folder/node_modules/webgpu" ]; then
    say "unis: fetching Dawn into .deno/dawn ..."
    mkdir -p "$folder"
    cp scripts/dawn/deno.json scripts/dawn/deno.lock "$folder/"
    (cd "$folder" && "$deno" install --frozen --quiet </dev/null >/dev/null 2>.log) || {
      cat "$folder/.log" >&2
      rm -f "$folder/deno.lock"
      say "unis: Dawn could not be fetched: the reason stands above. --backend deno does without."
      exit 2
    }
  fi
}

# An account without a home it can write to keeps Deno's cache in the checkout.
if [ -z "${DENO_DIR:-}${XDG_CACHE_HOME:-}" ] && ! [ -w "${HOME:-}" ]; then
  export DENO_DIR="$root/.deno/cache"
fi

find_deno || install_deno
install_dependencies
name=${1-}
case " $* " in
  *" --help "* | *" -h "*) ;;
  *)
    case $name in
      # The others need no device, or say themselves why there is none.
      train | experiment | sweep | launch | evaluate | predict | serve | tune | report | test | bench* | mutants) need_adapter ;;
    esac
    ;;
esac
case " $* " in
  *" --backend dawn "* | *" --backend=dawn "*)
    need_dawn
    export UNIS_FFI=--allow-ffi
    ;;
  *" --backend auto "* | *" --backend=auto "*) export UNIS_FFI=--allow-ffi ;;
esac
# What a launcher of MPI starts loads its library.
[ -z "${PMI_SIZE:-}${OMPI_COMM_WORLD_SIZE:-}${SLURM_STEP_NUM_TASKS:-}" ] || export UNIS_FFI=--allow-ffi
[ "${UNIS_TEST_BACKEND:-}" != dawn ] || need_dawn
# Whatever has no task is for unis to answer: --help, --version, a misspelt command, nothing at all.
if sed -n '/"tasks": {/,$p' deno.json | grep -q "^    \"$name\": \""; then
  exec "$deno" task --quiet "$@"
fi
exec "$deno" task --quiet unis "$@"
