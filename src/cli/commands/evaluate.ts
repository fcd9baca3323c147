/** Defines the command `unis evaluate`. */
import type { Command } from "commander";
import type { EvaluateFlags } from "../evaluate.ts";
import { backend, choice, device, share } from "../options.ts";

export function defineEvaluate(unis: Command): void {
  unis.command("evaluate")
    .description("evaluate the best weights of a run")
    .argument("<run>", "folder of the run")
    .addOption(
      choice("--split <name>", "samples to evaluate on", ["test", "validation", "train"], {
        dev: "validation",
      }).default(
        "test",
      ),
    )
    .option("--data <file>", "a table (.csv, .parquet, …) with labels, in place of a split of the run's data")
    .option("--withhold <share>", "withhold modalities from this share of the samples, as if missing", share)
    .option("--predictions <file>", "write what every head says as CSV")
    .addOption(device())
    .addOption(backend())
    .action(async (folder: string, flags: EvaluateFlags) => {
      const { evaluate } = await import("../evaluate.ts");
      await evaluate(folder, flags);
    });
}
