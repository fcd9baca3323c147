/** What a launcher, that of MPI (mpirun or srun) or `unis launch`, tells a process that it starts. */
import type { Place } from "./meeting.ts";

export interface Launched {
  /** Processes of the job. */
  readonly size: number;
  readonly rank: number;
  /** The variable that says how many there are. */
  readonly variable: string;
  readonly isOpenMpi: boolean;
  /** Where the ranks of `unis launch` meet; those of MPI find each other by its library. */
  readonly place?: Place;
}

/** Undefined where no launcher started this process, or started it alone. */
export function launched(): Launched | undefined {
  const text = Deno.env.get("UNIS_LAUNCH");
  if (text !== undefined) {
    const place: Place = JSON.parse(text);
    return { size: place.size, rank: place.rank, variable: "UNIS_LAUNCH", isOpenMpi: false, place };
  }
  // Open MPI documents its names, and Slurm those of a step of srun; in a script of sbatch, which is one process, these are not
  // set. Those of PMI are MPICH's, and of srun --mpi=pmi2; PMIx has none for the number of processes.
  const found = [
    ["OMPI_COMM_WORLD_SIZE", Deno.env.get("OMPI_COMM_WORLD_SIZE"), Deno.env.get("OMPI_COMM_WORLD_RANK")],
    ["PMI_SIZE", Deno.env.get("PMI_SIZE"), Deno.env.get("PMI_RANK")],
    ["SLURM_STEP_NUM_TASKS", Deno.env.get("SLURM_STEP_NUM_TASKS"), Deno.env.get("SLURM_PROCID")],
  ] as const;
  for (const [variable, value, rank] of found) {
    const size = Number(value ?? 1);
    if (size > 1) return { size, rank: Number(rank ?? 0), variable, isOpenMpi: variable.startsWith("OMPI") };
  }
  return undefined;
}

/** The variables of a rank that meets others at a place. */
export function variablesOf(place: Place): Readonly<Record<string, string>> {
  return { UNIS_LAUNCH: JSON.stringify(place) };
}
