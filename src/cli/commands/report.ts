/** Defines the command `unis report`. */
import type { Command } from "commander";
import type { ReportFlags } from "../report.ts";
import { backend, device, wholeNumber } from "../options.ts";

export function defineReport(unis: Command): void {
  unis.command("report")
    .description("write a run, several, or an experiment, as one HTML page of curves, maps and samples")
    .argument("<run|experiment...>", "folder of the run or experiment, or of several runs to compare")
    .option("--out <file>", "the page (default: report.html in the folder; to be said for several runs)")
    .option("--points <number>", "of a map, at most (default: 500, in experiments 300)", wholeNumber(4))
    .option("--figures <folder>", "also write every figure as SVG and its data as CSV")
    .addOption(device())
    .addOption(backend())
    .action(async (folders: string[], flags: ReportFlags) => {
      const { report } = await import("../report.ts");
      await report(folders, flags);
    });
}
