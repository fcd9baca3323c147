/** Defines the command `unis data`. */
import type { Command } from "commander";
import type { VerifyFlags } from "../data.ts";
import type { PublishedName } from "../../data/prepare/published.ts";
import type { PrepareFlags } from "../data_prepare.ts";
import { chosenArgument, DATA, roots } from "../options.ts";

export function defineData(unis: Command): void {
  const data = unis.command("data").description("look after data sets");
  data.command("verify")
    .description("look for faults: counts, missing and unreadable images, empty texts, labels, ids, leakage")
    .requiredOption("--data <name:path>", DATA)
    .option(
      "--text-encoder <model>",
      "whose tokens texts are counted in: a folder, or an id that the cache has",
    )
    .option("--set <key=value...>", "settings of the data, as for train")
    .option("--partial", "do not compare with the counts of the published data set")
    .option("--json", "print all of it as JSON")
    .addHelpText(
      "after",
      "\nPaths in a data set count from its folder and may lead into it and into the folders of data.roots; so may links.",
    )
    .action(async (flags: VerifyFlags) => {
      const { verify } = await import("../data.ts");
      await verify(flags);
    });
  data.command("prepare")
    .description("make a clean list of a data set of the paper as you got it; nothing is fetched or changed")
    .addArgument(chosenArgument("<name>", "the data set", ["food101", "n24news"]))
    .argument("<folder>", "where its files are")
    .addOption(roots())
    .addHelpText(
      "after",
      "\nSays what is there, and where what is missing is published. Writes unis_prepared.jsonl, which --data then reads," +
        "\nand unis_report.csv, which lists what was repaired and what is left out.",
    )
    .action(async (name: PublishedName, folder: string, flags: PrepareFlags) => {
      const { prepareData } = await import("../data_prepare.ts");
      await prepareData(name, folder, flags);
    });
}
