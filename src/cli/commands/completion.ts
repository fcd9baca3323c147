/** Defines the command `unis completion`. */
import type { Command } from "commander";
import { output } from "../../report/output.ts";
import { completionScript, SHELLS } from "../completion.ts";
import { chosenArgument } from "../options.ts";

export function defineCompletion(unis: Command): void {
  unis.command("completion").description("print the script by which a shell completes commands of unis")
    .addArgument(chosenArgument("<shell>", "of these", Object.keys(SHELLS)))
    .action((shell: string) => output.result(completionScript(unis, shell).trimEnd()));
}
