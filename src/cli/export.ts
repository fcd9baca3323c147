/** The command `unis export`. */
import { exportRun } from "../app/export_run.ts";
import { output } from "../report/output.ts";

export interface ExportFlags {
  to: string;
}

/** Exports a run and says what was written. */
export async function exportCommand(folder: string, { to }: ExportFlags): Promise<void> {
  for (const path of await exportRun(folder, to, (message) => output.aside(message))) output.result(path);
}
