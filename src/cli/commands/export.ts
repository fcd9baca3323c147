/** Defines the command `unis export`. */
import type { Command } from "commander";
import type { ExportFlags } from "../export.ts";

export function defineExport(unis: Command): void {
  unis.command("export")
    .description("write the encoders of a run as transformers loads them, and its heads")
    .argument("<run>", "folder of the run")
    .requiredOption("--to <folder>", "folder to write into, new or empty")
    .action(async (folder: string, flags: ExportFlags) => {
      const { exportCommand } = await import("../export.ts");
      await exportCommand(folder, flags);
    });
}
