/** Defines the command `unis train`. */
import type { Command } from "commander";
import type { TrainFlags } from "../train.ts";
import { RATE_RULES } from "../../config/scale_batch.ts";
import { choice, restarts, typed, wholeNumber, withRunFlags } from "../options.ts";

export function defineTrain(unis: Command): void {
  withRunFlags(unis.command("train").description("train a model, then test it"))
    .option("--skip-bad", "verify the data first, and train without faulty samples")
    .option("--out <folder>", "folder of the run (default: runs/<preset>-<method>-<seed>-<time>)")
    .option("--resume <run>", "go on with a run from its last checkpoint")
    .option("--accept-changed-data", "with --resume: go on although the data changed since the run began")
    .addOption(choice(
      "--scale-batch <rule>",
      "for ranks: a batch as many times as large, and rates in proportion (linear) or by its square root (root)",
      Object.keys(RATE_RULES),
    ))
    .addOption(
      choice("--wire <type>", "for ranks: what gradients travel as; f16 is half as many bytes", [
        "f32",
        "f16",
      ]),
    )
    .addOption(restarts())
    .option(
      "--profile [steps]",
      "instead of training, time every kernel over some steps (5 if not said), print the table, write profile.json and end",
      wholeNumber(1),
    )
    .action(async (flags: TrainFlags, command: Command) => {
      const { train } = await import("../train.ts"); // takes a moment to load, which help should not wait for
      await train(flags, typed(flags, command));
    });
}
