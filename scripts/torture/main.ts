/**
 * Attacks the program by class, seeded, and counts what it survives: a run that is killed, files that are damaged, input
 * that means harm, devices that are lost.
 *
 *     deno task torture --short                        # some minutes, as CI does
 *     deno task torture                                # two hours on two cores
 *     deno task torture --class corrupt --only 17      # the 17th try of a class again
 *
 * `--seed 2` makes other tries, `--tries 50` another number of them; `--class` may come several times, and `--help` names
 * all. A failure is printed when it happens, with the command that repeats it. Ends with status 1 where one try failed.
 */
import { Command, Option } from "commander";
import { wholeNumber } from "../../src/cli/options.ts";
import { formatTable } from "../../src/report/table.ts";
import { attack, type AttackClass, type Tally } from "./attack.ts";
import { corrupt } from "./corrupt.ts";
import { disk } from "./disk.ts";
import { crashes } from "./crashes.ts";
import { devices } from "./devices.ts";
import { BOMB_ATTACKS, MUTATIONS } from "./hostile/mutations.ts";
import { long } from "./long.ts";
import { launchedRanks, ranks } from "./ranks.ts";

const CLASSES: readonly AttackClass[] = [
  crashes,
  corrupt,
  disk,
  ...MUTATIONS,
  BOMB_ATTACKS,
  ranks,
  launchedRanks,
  devices,
  long,
];

interface Flags {
  class?: string[];
  short?: true;
  seed: number;
  tries?: number;
  only?: number[];
}

const number = wholeNumber(1, 2 ** 32 - 1);
const names = CLASSES.map(({ name }) => name);
const options = new Command("deno task torture")
  .description("attack the program by class, and count what it survives")
  .addOption(new Option("--class <name...>", "these classes alone").choices(names))
  .option("--short", "few tries of each class")
  .option("--seed <number>", "of all that tries choose", number, 1)
  .option("--tries <number>", "how many tries of each class", number)
  .addOption(
    new Option("--only <numbers>", "tries by their numbers, parted by commas")
      .argParser((text) => text.split(",").map(number)).conflicts(["tries", "short"]),
  )
  .exitOverride(({ exitCode }) => Deno.exit(exitCode === 0 ? 0 : 2))
  .parse(Deno.args, { from: "user" })
  .opts<Flags>();

const tallies: Tally[] = [];
for (const one of CLASSES) {
  if (options.class && !options.class.includes(one.name)) continue;
  console.log(`${one.name}: ${one.what}`);
  const folder = await Deno.makeTempDir({ prefix: `torture-${one.name}-` });
  try {
    const tally = await attack(one, numbersOf(one), options.seed, folder, (number, why) => {
      console.log(`  FAILED ${number}: ${why}`);
      console.log(`  again: deno task torture --class ${one.name} --seed ${options.seed} --only ${number}`);
    });
    if (tally.leftOut !== undefined) console.log(`  left out: ${tally.leftOut}`);
    for (const [way, count] of tally.ways) console.log(`  ${count} ${way}`);
    tallies.push(tally);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
console.log();
const table = [["class", "tried", "survived", "failed", "seconds"], ...tallies.map(rowOf)];
for (const line of formatTable(table)) console.log(line);
Deno.exit(tallies.some(({ failures }) => failures.length > 0) ? 1 : 0);

/** The numbers of the tries to make, from one. */
function numbersOf({ tries }: AttackClass): number[] {
  if (options.only !== undefined) return options.only;
  const length = options.tries ?? (options.short ? tries.short : tries.long);
  return Array.from({ length }, (_, index) => index + 1);
}

function rowOf({ name, tried, survived, failures, seconds }: Tally): string[] {
  return [name, `${tried}`, `${survived}`, `${failures.length}`, seconds.toFixed(0)];
}
