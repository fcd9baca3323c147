/** Defines the command `unis experiment`. */
import type { Command } from "commander";
import type { ExperimentFlags } from "../experiment.ts";
import { backend, device, restarts } from "../options.ts";

export function defineExperiment(unis: Command): void {
  unis.command("experiment")
    .description("make all runs of a file, skipping what is done, and the tables of their results")
    .argument("<file>", "YAML or JSON, such as those in scripts/experiments")
    .option("--dry-run", "try all runs on a few samples, in a folder that is removed")
    .option("--out <folder>", "folder of the experiment (default: runs/<name of the file>)")
    .addOption(device())
    .addOption(restarts())
    .addOption(backend())
    .option("--data <name[:path]>", "instead of the data of the file, as for train")
    .option("--image-encoder <model>", "instead of those of the file, as for train")
    .option("--text-encoder <model>", "instead of those of the file, as for train")
    .option("--joint-encoder <model>", "instead of those of the file, as for train")
    .option("--set <key=value...>", "change settings of all runs, as for train")
    .action(async (file: string, flags: ExperimentFlags) => {
      const { experiment } = await import("../experiment.ts");
      await experiment(file, flags);
    });
}
