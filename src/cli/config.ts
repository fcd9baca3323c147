/** The commands `unis config schema` and `unis config show`. */
import { UserError } from "../base/user_error.ts";
import { configJsonSchema } from "../config/run_config.ts";
import { DownloadBar } from "../report/download_bar.ts";
import { output } from "../report/output.ts";
import { RunFolder } from "../runs/run_folder.ts";
import { chooseConfig, type ConfigFlags, flagName } from "./choose_config.ts";

/** Prints the JSON Schema of configurations, for editors and other programs. */
export function showSchema(): void {
  output.result(JSON.stringify(configJsonSchema(), null, 2));
}

/** Prints the whole configuration of a run, or that which flags describe; `given` are the flags typed. */
export async function showConfig(
  run: string | undefined,
  flags: ConfigFlags,
  given: readonly string[],
): Promise<void> {
  if (run !== undefined && given.length > 0) {
    throw new UserError(`${flagName(given[0]!)} cannot be used with a run: ${run} has its settings`);
  }
  const downloads = new DownloadBar((message) => output.aside(message));
  const { config } = run === undefined
    ? await chooseConfig(flags, given, downloads, "configuration")
    : RunFolder.open(run);
  output.result(JSON.stringify(config, null, 2));
}
