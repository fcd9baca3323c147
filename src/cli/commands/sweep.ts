/** Defines the command `unis sweep`. */
import type { Command } from "commander";
import { STRATEGIES } from "../../experiments/sweep_file.ts";
import type { SweepFlags } from "../sweep.ts";
import { choice, wholeNumber, withRunsFlags } from "../options.ts";

export function defineSweep(unis: Command): void {
  const command = unis.command("sweep")
    .description("search for good settings in a space of them, and test the best found")
    .argument("<file>", "YAML or JSON, such as scripts/experiments/emoji_sweep.yaml")
    .option("--trials <number>", "trials that are drawn (20 if the file does not say)", wholeNumber(1))
    .addOption(
      choice("--strategy <name>", "train all trials to the end, or only those that do well", STRATEGIES),
    );
  withRunsFlags(command).action(async (file: string, flags: SweepFlags) => {
    const { sweep } = await import("../sweep.ts");
    await sweep(file, flags);
  });
}
