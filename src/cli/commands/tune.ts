/** Defines the command `unis tune`. */
import type { Command } from "commander";
import type { TuneFlags } from "../tune.ts";
import { typed, withConfigFlags } from "../options.ts";

export function defineTune(unis: Command): void {
  withConfigFlags(
    unis.command("tune").description(
      "measure the ways to compute a training step, and keep the best for this adapter",
    ),
  )
    .option("--run <run>", "for the step of a run, in place of the flags above")
    .action(async (flags: TuneFlags, command: Command) => {
      const { tune } = await import("../tune.ts");
      await tune(flags, typed(flags, command));
    });
}
