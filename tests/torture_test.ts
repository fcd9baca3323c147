/** Attacks are counted as they end, and repeated by their numbers. */
import assert from "node:assert/strict";
import { CommanderError } from "commander";
import { attackApart } from "../scripts/torture/apart.ts";
import { attack, type AttackClass, Tally } from "../scripts/torture/attack.ts";
import { flagsOf } from "../scripts/torture/flags.ts";

/** Each try tells what it chose; the third fails, the fourth throws. */
const example = (chosen: Map<number, number>): AttackClass => ({
  name: "example",
  what: "Nothing is done.",
  tries: { long: 5, short: 1 },
  prepare: (_folder) =>
    Promise.resolve((number, random) => {
      chosen.set(number, random.uniform());
      if (number === 4) return Promise.reject(new Error("thrown"));
      return Promise.resolve(
        number === 3 ? { failed: "differs" } : { how: number < 3 ? "noticed" : "recovered" },
      );
    }),
});

Deno.test("attacks are counted by how they end; what a try throws is its failure", async () => {
  const tally = new Tally();
  const numbers = [1, 2, 3, 4, 5];
  await attack(example(new Map()), numbers, 1, "", (number, outcome) => tally.add(number, outcome));
  assert.equal(tally.tried, 5);
  assert.equal(tally.survived, 3);
  assert.deepEqual([...tally.ways], [["noticed", 2], ["recovered", 1]]);
  const told = tally.failures.map(({ number, failed }) => `${number} ${failed.split("\n")[0]}`);
  assert.deepEqual(told, ["3 differs", "4 Error: thrown"]);
});

Deno.test("a try chooses the same by its number alone, another by another number or seed", async () => {
  const chosen = async (numbers: number[], seed: number) => {
    const found = new Map<number, number>();
    await attack(example(found), numbers, seed, "", () => {});
    return found;
  };
  const all = await chosen([1, 2, 3, 4, 5], 7);
  assert.equal((await chosen([4], 7)).get(4), all.get(4));
  assert.equal(new Set(all.values()).size, 5);
  assert.notEqual((await chosen([4], 8)).get(4), all.get(4));
});

Deno.test("a try that ends its process has failed, and the others are made all the same", async () => {
  const made = async (name: string, numbers: number[]) => {
    const printed: string[] = [];
    const program = new URL("dying_tries.ts", import.meta.url).pathname;
    const listener = { printed: (line: string) => printed.push(line), failed: () => {} };
    const { tried, failures } = await attackApart({ name, numbers, seed: 1 }, listener, program);
    return { tried, failures: failures.map(({ number, failed }) => [number, failed]), printed };
  };
  const ends = (when: string, how: string) => `the process ended ${when}: ${how}`;
  const [killed, unprepared, last] = await Promise.all([
    made("some", [1, 2, 3]),
    made("unprepared", [4, 5]),
    made("crashing at its end", [6, 7]),
  ]);
  assert.deepEqual(killed, {
    tried: 3,
    failures: [[2, ends("in it", "SIGKILL")]],
    printed: ["corrupted size"],
  });
  assert.deepEqual(unprepared.failures, [[4, ends("before the first try", "status 1")]]);
  assert.match(unprepared.printed.join("\n"), /no disk is left/);
  assert.deepEqual(last.failures, [[7, ends("after the last try", "status 3")]]);
});

Deno.test("attacks that there are none of are told in a line", () => {
  const told = (args: string) => {
    try {
      flagsOf(args.split(" "), ["corrupt", "disk"]);
      return "";
    } catch (error) {
      assert.ok(error instanceof CommanderError && error.exitCode !== 0);
      return error.message;
    }
  };
  assert.equal(told("--class disk corrupt --only 3,4 --jobs 2"), "");
  assert.match(told("--class nonsense"), /^error: .*corrupt, disk.*$/);
  assert.match(told("--only 3x"), /^error: .*a whole number.*$/);
  assert.match(told("--jobs 0"), /^error: .*a whole number.*$/);
});
