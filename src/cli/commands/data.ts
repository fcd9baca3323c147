/** Defines the command `unis data`. */
import type { Command } from "commander";
import type { VerifyFlags } from "../data.ts";
import { DATA } from "../options.ts";

export function defineData(unis: Command): void {
  unis.command("data").description("look after data sets").command("verify")
    .description("look for faults: counts, missing and unreadable images, empty texts, labels, ids, leakage")
    .requiredOption("--data <name:path>", DATA)
    .option("--set <key=value...>", "settings of the data, as for train")
    .option("--partial", "do not compare with the counts of the published data set")
    .option("--json", "print all of it as JSON")
    .addHelpText(
      "after",
      "\nPaths in a data set count from its folder and stay in it as they are written; links in it are followed.",
    )
    .action(async (flags: VerifyFlags) => {
      const { verify } = await import("../data.ts");
      await verify(flags);
    });
}
