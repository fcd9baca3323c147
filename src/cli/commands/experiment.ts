/** Defines the command `unis experiment`. */
import type { Command } from "commander";
import type { RunsFlags } from "../planned_runs.ts";
import { withRunsFlags } from "../options.ts";

export function defineExperiment(unis: Command): void {
  const command = unis.command("experiment")
    .description("make all runs of a file, skipping what is done, and the tables of their results")
    .argument("<file>", "YAML or JSON, such as those in scripts/experiments");
  withRunsFlags(command).action(async (file: string, flags: RunsFlags) => {
    const { experiment } = await import("../experiment.ts");
    await experiment(file, flags);
  });
}
