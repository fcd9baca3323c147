/** What `deno task torture` can be told. */
import { Command, Option } from "commander";
import { wholeNumber } from "../../src/cli/options.ts";

export interface Flags {
  class?: string[];
  short?: true;
  seed: number;
  tries?: number;
  only?: number[];
  jobs: number;
}

const number = wholeNumber(1, 2 ** 32 - 1);

/** `classes` are the names of those there are. Throws a CommanderError where the arguments are wrong, or help was asked for. */
export function flagsOf(args: readonly string[], classes: readonly string[]): Flags {
  return new Command("deno task torture")
    .description("attack the program by class, and count what it survives")
    .addOption(new Option("--class <name...>", "these classes alone").choices(classes))
    .option("--short", "few tries of each class")
    .option("--seed <number>", "of all that tries choose", number, 1)
    .option("--tries <number>", "how many tries of each class", number)
    .addOption(
      new Option("--only <numbers>", "tries by their numbers, parted by commas")
        .argParser((text) => text.split(",").map(number)).conflicts(["tries", "short"]),
    )
    .option(
      "--jobs <number>",
      "how many classes are attacked at a time",
      number,
      navigator.hardwareConcurrency,
    )
    .configureOutput({ writeErr: () => {} })
    .exitOverride()
    .parse(args, { from: "user" })
    .opts<Flags>();
}
