/** Defines the commands `unis config show` and `unis config schema`. */
import type { Command } from "commander";
import type { ConfigFlags } from "../choose_config.ts";
import { typed, withRunFlags } from "../options.ts";

export function defineConfig(unis: Command): void {
  const config = unis.command("config").description("show configurations, and what may stand in them");
  withRunFlags(
    config.command("show").description("print the configuration of a run, or the one that flags lead to")
      .argument("[run]", "folder of the run"),
  ).action(async (folder: string | undefined, flags: ConfigFlags, command: Command) => {
    const { showConfig } = await import("../config.ts");
    await showConfig(folder, flags, typed(flags, command));
  });
  config.command("schema").description("print the JSON Schema of a configuration").action(async () => {
    const { showSchema } = await import("../config.ts");
    showSchema();
  });
}
