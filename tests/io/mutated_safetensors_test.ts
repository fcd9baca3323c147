import assert from "node:assert/strict";
import { openSafetensors } from "../../src/io/safetensors.ts";
import { UserError } from "../../src/base/user_error.ts";
import { craft, entry, temporaryFolder } from "./crafted.ts";

const MUTATIONS = 20_000;

/** Marsaglia's xorshift: the same mutations on every machine. Returns integers in [0, below). */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const GOOD = craft(
  `{"__metadata__":{"format":"pt"},${entry("w", "F32", [2, 3], 0, 24)},` +
    `${entry("h", "F16", [3], 24, 30)},${entry("b", "BF16", [1], 30, 32)},${
      entry("é", "I64", [1], 32, 40)
    }}   `,
  40,
);
/** Bytes that mean something to the format: mutations by these come deeper than random ones. */
const TELLING = new TextEncoder().encode(`{}[],:"\\0123456789-.eFIBU `);

function mutate(random: (below: number) => number): Uint8Array {
  let file = GOOD.slice();
  for (let edits = 1 + random(4); edits > 0; edits--) {
    const at = random(file.length + 1);
    const byte = random(2) === 0 ? random(256) : TELLING[random(TELLING.length)]!;
    const count = 1 + random(random(4) === 0 ? file.length + 1 : 4);
    switch (random(6)) {
      case 0:
        if (at < file.length) file[at] = byte;
        break;
      case 1:
        if (at < file.length) file[at]! ^= 1 << random(8);
        break;
      case 2:
        file = join(file.subarray(0, at), Uint8Array.of(byte), file.subarray(at));
        break;
      case 3:
        file = join(file.subarray(0, at), file.subarray(at + count));
        break;
      case 4: // a piece stands twice
        file = join(file.subarray(0, at + count), file.subarray(at));
        break;
      case 5:
        if (file.length > 0) file[random(Math.min(8, file.length))] = byte; // the length field
        break;
    }
  }
  return file;
}

function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

Deno.test(`openSafetensors() survives ${MUTATIONS} mutations of a good file`, () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/mutated.safetensors`;
  // One open file, overwritten: some file systems flush to the disk whenever a truncated file is closed.
  using target = Deno.openSync(path, { write: true, create: true });
  const random = generator(0x5afe7e50);
  const outcomes = new Map<string, number>();
  const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  for (let i = 0; i < MUTATIONS; i++) {
    const content = mutate(random);
    target.seekSync(0, Deno.SeekMode.Start);
    assert.equal(content.length === 0 ? 0 : target.writeSync(content), content.length);
    target.truncateSync(content.length);
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
