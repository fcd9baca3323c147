/** The command `unis export`. */
import { type ExportOptions, exportRun } from "../app/export_run.ts";
import { output } from "../report/output.ts";

export interface ExportFlags extends Pick<ExportOptions, "format" | "precision"> {
  to: string;
}

/** Exports a run and says what was written. */
export async function exportCommand(folder: string, { to, ...options }: ExportFlags): Promise<void> {
  const note = (message: string) => output.aside(message);
  for (const path of await exportRun(folder, to, { ...options, note })) output.result(path);
}
