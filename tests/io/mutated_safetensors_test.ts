import assert from "node:assert/strict";
import { openSafetensors } from "../../src/io/safetensors.ts";
import { UserError } from "../../src/base/user_error.ts";
import { craft, entry, temporaryFolder } from "./crafted.ts";
import { generator, mutate, Overwritten } from "./mutations.ts";

const MUTATIONS = 20_000;

const GOOD = craft(
  `{"__metadata__":{"format":"pt"},${entry("w", "F32", [2, 3], 0, 24)},` +
    `${entry("h", "F16", [3], 24, 30)},${entry("b", "BF16", [1], 30, 32)},${
      entry("é", "I64", [1], 32, 40)
    }}   `,
  40,
);
const LENGTH_FIELD = 8;
const TELLING = new TextEncoder().encode(`{}[],:"\\0123456789-.eFIBU `);

Deno.test(`openSafetensors() survives ${MUTATIONS} mutations of a good file`, () => {
  using folder = temporaryFolder();
  using target = new Overwritten(`${folder.path}/mutated.safetensors`);
  const { path } = target;
  const random = generator(0x5afe7e50);
  const outcomes = new Map<string, number>();
  const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  for (let i = 0; i < MUTATIONS; i++) {
    const content = mutate(GOOD, random, TELLING, LENGTH_FIELD);
    target.write(content);
    try {
      using file = openSafetensors(path);
      let bytes = 0;
      for (const [name, { begin, end, shape }] of file.tensors) {
        assert.deepEqual(file.readBytes(name), content.slice(begin, end));
        assert.equal(file.readTyped(name).length, shape.reduce((product, size) => product * size, 1));
        bytes += end - begin;
      }
      const header = Number(new DataView(content.buffer, 0, 8).getBigUint64(0, true));
      assert.equal(8 + header + bytes, content.length, "what is accepted covers the whole file");
      count("accepted");
    } catch (error) {
      if (!(error instanceof UserError)) throw new Error(`mutation ${i} of ${MUTATIONS}`, { cause: error });
      count(
        error.message.slice(`Cannot read ${path}: `.length).replace(/tensor ".*?":|\d+|"(\\.|[^"])*"/g, "…"),
      );
    }
  }
  // The mutations must have come past every gate, or the test shows little.
  assert.ok(outcomes.size >= 15, `only ${outcomes.size} kinds of outcome`);
  assert.ok(outcomes.get("accepted")! > 100, "some mutations change data only");
});
