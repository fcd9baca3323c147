/** What the launcher of MPI, mpirun or srun, tells a process that it starts. */

export interface Launched {
  /** Processes of the job. */
  readonly size: number;
  /** The variable that says so. */
  readonly variable: string;
  readonly isOpenMpi: boolean;
}

/** Undefined where no launcher started this process, or started it alone. */
export function launched(): Launched | undefined {
  const found = [
    ["OMPI_COMM_WORLD_SIZE", Deno.env.get("OMPI_COMM_WORLD_SIZE")],
    ["PMI_SIZE", Deno.env.get("PMI_SIZE")],
    // Of a step of srun; in a script of sbatch, which is one process, it is not set.
    ["SLURM_STEP_NUM_TASKS", Deno.env.get("SLURM_STEP_NUM_TASKS")],
  ] as const;
  for (const [variable, value] of found) {
    const size = Number(value ?? 1);
    if (size > 1) return { size, variable, isOpenMpi: variable.startsWith("OMPI") };
  }
  return undefined;
}
