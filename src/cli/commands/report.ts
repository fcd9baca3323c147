/** Defines the command `unis report`. */
import type { Command } from "commander";
import type { ReportFlags } from "../report.ts";
import { device, wholeNumber } from "../options.ts";

export function defineReport(unis: Command): void {
  unis.command("report")
    .description("write a run, or an experiment, as one HTML page of curves, maps and samples")
    .argument("<run|experiment>", "folder of the run or experiment")
    .option("--out <file>", "the page (default: report.html in the folder)")
    .option("--points <number>", "of a map, at most (default: 500, in experiments 300)", wholeNumber(4))
    .option("--figures <folder>", "also write every figure as SVG and its data as CSV")
    .addOption(device())
    .action(async (folder: string, flags: ReportFlags) => {
      const { report } = await import("../report.ts");
      await report(folder, flags);
    });
}
