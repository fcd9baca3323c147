import assert from "node:assert/strict";
import { openTorch } from "../../src/io/pytorch/torch_file.ts";
import { UserError } from "../../src/base/user_error.ts";
import { temporaryFolder } from "./crafted.ts";
import {
  FILES_ALONE,
  global,
  int,
  latin1,
  legacy,
  stateDict,
  tensor,
  torchEntries,
  torchZip,
  tuple,
  TWO,
  unicode,
  zip,
} from "./crafted_torch.ts";
import { generator, mutate, Overwritten } from "./mutations.ts";

const MUTATIONS = 20_000;

/** Tensors of several kinds, and a call of os.system that a mutation may bring to life. */
const PICKLE = stateDict({
  state_dict: stateDict({
    x: tensor(),
    y: tensor({ sizes: tuple(int(2), int(1)), strides: tuple(int(1), int(2)) }),
    z: tensor({
      type: global("torch", "LongStorage"),
      key: unicode("1"),
      length: int(1),
      sizes: ")",
      strides: ")",
    }),
    p: `${global("torch._utils", "_rebuild_parameter")}${tuple(tensor(), "\x88", "N")}R`,
  }).slice(2, -1),
  args: `${global("argparse", "Namespace")})\x81}${unicode("cos\nsystem\n(X\x02\0\0\0lstR")}Nsb`,
});
const STORAGES = { 0: TWO, 1: new Uint8Array(8) };
const KEYS = `\x80\x02](${unicode("0")}${unicode("1")}e.`;
const ARCHIVE = torchZip(PICKLE, STORAGES, { zip64: true });
const LEGACY = new Uint8Array([...legacy(PICKLE, { keys: KEYS }), 1, ...new Uint8Array(15)]);
const ENTRIES = torchEntries(PICKLE, STORAGES);

/** Opcodes, and bytes that are lengths and signatures. */
const TELLING = latin1(
  "\x80\x02.(012NIJKMLFGSTUVXBC)t]lae}dsupqrghjcR\x81bQio\x82\x85\x86\x87\x93\x94\x95PK\x01\x03\x05\x06\x00\xff\n",
);

/** What is mutated: all of an archive; its pickle alone, in an archive that is sound; all of an old file. */
const KINDS: ((random: (below: number) => number) => Uint8Array<ArrayBuffer>)[] = [
  (random) => mutate(ARCHIVE, random, TELLING, 30),
  (random) => {
    const content = mutate(ENTRIES[0]!.content, random, TELLING, 2);
    return zip([{ ...ENTRIES[0]!, content }, ...ENTRIES.slice(1)]);
  },
  (random) => mutate(LEGACY, random, TELLING, 64),
];

Deno.test({
  name: `openTorch() survives ${MUTATIONS} mutations of good files`,
  permissions: FILES_ALONE,
  fn() {
    using folder = temporaryFolder();
    using target = new Overwritten(`${folder.path}/mutated.pth`);
    const random = generator(0x70726368);
    const outcomes = new Map<string, number>();
    const accepted = KINDS.map(() => 0);
    const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    let slowest = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      const content = KINDS[i % KINDS.length]!(random);
      target.write(content);
      const begin = performance.now();
      try {
        using file = openTorch(target.path);
        for (const [name, { begin, end, shape }] of file.tensors) {
          assert.ok(0 <= begin && begin <= end && end <= content.length);
          assert.equal(file.readTyped(name).length, shape.reduce((product, size) => product * size, 1));
        }
        accepted[i % KINDS.length]!++;
      } catch (error) {
        if (!(error instanceof UserError)) throw new Error(`mutation ${i} of ${MUTATIONS}`, { cause: error });
        const rule = error.message.slice(`Cannot read ${target.path}: `.length);
        count(rule.replace(/\. Only.*|names .*|"(\\.|[^"])*"|-?\d[\d.e+]*/g, "…"));
      }
      slowest = Math.max(slowest, performance.now() - begin);
    }
    // The mutations must have come past every gate, or the test shows little.
    assert.ok(outcomes.size >= 40, `only ${outcomes.size} kinds of outcome`);
    assert.ok(accepted.every((times) => times > 100), `accepted ${accepted}`);
    assert.ok(slowest < 5000, `${slowest} ms for one file`);
    if (Deno.args.includes("--figures")) {
      console.log({ accepted, slowest, megabytes: Deno.memoryUsage().rss / 1e6, outcomes });
    }
  },
});
