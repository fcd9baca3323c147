/** Defines the command `unis evaluate`. */
import { type Command, Option } from "commander";
import type { EvaluateFlags } from "../evaluate.ts";
import { device } from "../options.ts";

export function defineEvaluate(unis: Command): void {
  unis.command("evaluate")
    .description("evaluate the best weights of a run")
    .argument("<run>", "folder of the run")
    .addOption(
      new Option("--split <name>", "samples to evaluate on").choices(["test", "validation", "train"]).default(
        "test",
      ),
    )
    .option("--data <file>", "a .csv, .tsv or .jsonl file with labels, in place of a split of the run's data")
    .option("--predictions <file>", "write what every head says as CSV")
    .addOption(device())
    .option("--debug", "show the trace of an error")
    .action(async (folder: string, flags: EvaluateFlags) => {
      const { evaluate } = await import("../evaluate.ts");
      await evaluate(folder, flags);
    });
}
