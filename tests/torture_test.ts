/** Attacks are counted as they end, and repeated by their numbers. */
import assert from "node:assert/strict";
import { attack, type AttackClass } from "../scripts/torture/attack.ts";

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
  const told: string[] = [];
  const tally = await attack(
    example(new Map()),
    [1, 2, 3, 4, 5],
    1,
    "",
    (number, why) => told.push(`${number} ${why.split("\n")[0]}`),
  );
  assert.equal(tally.tried, 5);
  assert.equal(tally.survived, 3);
  assert.deepEqual([...tally.ways], [["noticed", 2], ["recovered", 1]]);
  assert.deepEqual(told, ["3 differs", "4 Error: thrown"]);
  assert.deepEqual(tally.failures.map(({ number }) => number), [3, 4]);
});

Deno.test("a try chooses the same by its number alone, another by another number or seed", async () => {
  const chosen = async (numbers: number[], seed: number) => {
    const found = new Map<number, number>();
    await attack(example(found), numbers, seed, "");
    return found;
  };
  const all = await chosen([1, 2, 3, 4, 5], 7);
  assert.equal((await chosen([4], 7)).get(4), all.get(4));
  assert.equal(new Set(all.values()).size, 5);
  assert.notEqual((await chosen([4], 8)).get(4), all.get(4));
});

Deno.test("attacks that there are none of are told in a line, with status 2", () => {
  const main = new URL("../scripts/torture/main.ts", import.meta.url).pathname;
  for (
    const [args, why] of [["--class nonsense", /corrupt, disk/], ["--only 3x", /a whole number/]] as const
  ) {
    const command = [...["run", "-A", "--no-check", main], ...args.split(" ")];
    const { code, stderr } = new Deno.Command(Deno.execPath(), { args: command, stdout: "null" })
      .outputSync();
    assert.equal(code, 2);
    assert.match(new TextDecoder().decode(stderr), why);
    assert.match(new TextDecoder().decode(stderr), /^error: .*\n$/);
  }
});
