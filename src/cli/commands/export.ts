/** Defines the command `unis export`. */
import type { Command } from "commander";
import type { ExportFlags } from "../export.ts";
import { withExportFlags } from "../options.ts";

export function defineExport(unis: Command): void {
  const command = unis.command("export")
    .description("write a run as other programs load it, with a script that predicts and a model card")
    .argument("<run>", "folder of the run")
    .requiredOption("--to <folder>", "folder to write into, new or empty");
  withExportFlags(command)
    .action(async (folder: string, flags: ExportFlags) => {
      const { exportCommand } = await import("../export.ts");
      await exportCommand(folder, flags);
    });
}
