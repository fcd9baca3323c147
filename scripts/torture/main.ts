/**
 * Attacks the program by class, seeded, and counts what it survives: a run that is killed, files that are damaged, input
 * that means harm, devices that are lost.
 *
 *     deno task torture --short                        # some minutes, as CI does
 *     deno task torture                                # two hours on two cores
 *     deno task torture --class corrupt --only 17      # the 17th try of a class again
 *
 * `--seed 2` makes other tries, `--tries 50` another number of them; `--class` may come several times, and `--help` names
 * all. As many classes as there are cores, or `--jobs`, are attacked side by side, and those alone that measure times. A failure is
 * printed when it happens, with the command that repeats it. Ends with status 1 where one try failed.
 */
import { Command, Option } from "commander";
import { wholeNumber } from "../../src/cli/options.ts";
import { formatTable } from "../../src/report/table.ts";
import { attackApart } from "./apart.ts";
import type { AttackClass, Tally } from "./attack.ts";
import { CLASSES } from "./classes.ts";

interface Flags {
  class?: string[];
  short?: true;
  seed: number;
  tries?: number;
  only?: number[];
  jobs: number;
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
  .option("--jobs <number>", "how many classes are attacked at a time", number, navigator.hardwareConcurrency)
  .exitOverride(({ exitCode }) => Deno.exit(exitCode === 0 ? 0 : 2))
  .parse(Deno.args, { from: "user" })
  .opts<Flags>();

const chosen = CLASSES.filter(({ name }) => options.class?.includes(name) ?? true);
const tallies = new Map<string, Tally>();
const together = chosen.filter(({ isTimed }) => !isTimed);
await Promise.all(Array.from({ length: options.jobs }, () => attackAll(together)));
await attackAll(chosen.filter(({ isTimed }) => isTimed));

console.log();
const header = ["class", "tried", "survived", "failed", "seconds", "of processors"];
const rows = chosen.map(({ name }) => rowOf(name, tallies.get(name)!));
for (const line of formatTable([header, ...rows])) console.log(line);
Deno.exit([...tallies.values()].some(({ failures }) => failures.length > 0) ? 1 : 0);

/** Attacks by one class of a list after the other, and takes it off the list, which others have, too. */
async function attackAll(classes: AttackClass[]): Promise<void> {
  for (let one = classes.shift(); one !== undefined; one = classes.shift()) {
    const { name, what } = one;
    const say = (line: string) => console.log(`${name}: ${line}`);
    say(what);
    const tally = await attackApart({ name, numbers: numbersOf(one), seed: options.seed }, {
      printed: say,
      failed: (number, why) => {
        say(`FAILED ${number}: ${why}`);
        say(`again: deno task torture --class ${name} --seed ${options.seed} --only ${number}`);
      },
    });
    if (tally.leftOut !== undefined) say(`left out: ${tally.leftOut}`);
    for (const [way, count] of tally.ways) say(`${count} ${way}`);
    tallies.set(name, tally);
  }
}

/** The numbers of the tries to make, from one. */
function numbersOf({ tries }: AttackClass): number[] {
  if (options.only !== undefined) return options.only;
  const length = options.tries ?? (options.short ? tries.short : tries.long);
  return Array.from({ length }, (_, index) => index + 1);
}

function rowOf(name: string, { tried, survived, failures, seconds, processorSeconds }: Tally): string[] {
  const times = [seconds, processorSeconds].map((time) => time?.toFixed(0) ?? "");
  return [name, `${tried}`, `${survived}`, `${failures.length}`, ...times];
}
