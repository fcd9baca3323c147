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
import { CommanderError } from "commander";
import { formatTable } from "../../src/report/table.ts";
import { attackApart } from "./apart.ts";
import type { AttackClass, Tally } from "./attack.ts";
import { CLASSES } from "./classes.ts";
import { type Flags, flagsOf } from "./flags.ts";

const options = flagsOrExit();
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

function flagsOrExit(): Flags {
  try {
    return flagsOf(Deno.args, CLASSES.map(({ name }) => name));
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) console.error(error.message);
    Deno.exit(error.exitCode === 0 ? 0 : 2);
  }
}

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
