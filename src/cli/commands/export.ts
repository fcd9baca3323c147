/** Defines the command `unis export`. */
import type { Command } from "commander";
import { FORMATS } from "../../export/formats.ts";
import type { ExportFlags } from "../export.ts";
import { choice } from "../options.ts";

export function defineExport(unis: Command): void {
  const formats = FORMATS.map(({ name, description }) => `${name}: ${description}`);
  unis.command("export")
    .description("write a run as other programs load it, with a script that predicts")
    .argument("<run>", "folder of the run")
    .requiredOption("--to <folder>", "folder to write into, new or empty")
    .addOption(
      choice("--format <name>", formats.join("; "), FORMATS.map(({ name }) => name)).default(FORMATS[0].name),
    )
    .addOption(
      choice("--precision <type>", "of weights; f16 takes half the space, for --format onnx", ["f32", "f16"])
        .default("f32"),
    )
    .action(async (folder: string, flags: ExportFlags) => {
      const { exportCommand } = await import("../export.ts");
      await exportCommand(folder, flags);
    });
}
