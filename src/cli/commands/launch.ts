/** Defines the command `unis launch`. */
import type { Command } from "commander";
import { SHARED } from "../../app/launch.ts";
import type { LaunchFlags } from "../launch.ts";
import { chosenArgument, wholeNumber } from "../options.ts";

export function defineLaunch(unis: Command): void {
  unis.command("launch")
    .description("run a command as several processes of this host, its ranks, which share the work")
    .usage("--ranks <number> [options] -- <command> [arguments]")
    .addArgument(chosenArgument("<command>", "the command that ranks share", SHARED))
    .argument("[arguments...]", "its own")
    .passThroughOptions()
    .option("-n, --ranks <number>", "how many processes", wholeNumber(1, 64))
    .option(
      "--env <name=values...>",
      "a variable with a value for each rank, parted by commas, such as that by which a rank sees its card alone",
    )
    .action(async (command: string, args: string[], flags: LaunchFlags) => {
      const { launchRanks } = await import("../launch.ts");
      await launchRanks(flags, command, args);
    });
}
