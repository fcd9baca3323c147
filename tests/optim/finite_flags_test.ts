/** Which parameters the flags of Adam name, whatever is not finite in them, where it lies, and what lies beside it. */
import assert from "node:assert/strict";
import { normal } from "../../src/nn/initializers.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { Adam } from "../../src/optim/adam.ts";
import type { Inspected } from "../../src/optim/finite_flags.ts";
import { LossScale } from "../../src/optim/loss_scale.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";

const gpu = await openTestGpu();

/** Sizes that are not whole packs or blocks, and one of several workgroups. */
const SHAPES = { a: [3, 23], b: [1], c: [65, 33], d: [64] };

/** The largest finite number, the least normal one and one below it, both zeros: all that comes close. */
const HARMLESS = [0x7f7f_ffff, 0xff7f_ffff, 0x0080_0000, 0x0000_0001, 0x8000_0001, 0, 0x8000_0000];
/** Infinities, NaNs of either sign, quiet and signalling, with the least and the most of a payload. */
const SPOILS = [
  0x7f80_0000,
  0xff80_0000,
  0x7fc0_0000,
  0xffc0_0000,
  0x7f80_0001,
  0xff80_0001,
  0x7fff_ffff,
  0xffff_ffff,
];

function training() {
  const parameters = new Parameters();
  for (const [name, shape] of Object.entries(SHAPES)) parameters.root.parameter(name, shape, normal(1));
  parameters.root.parameter("not learned", [70], normal(1));
  parameters.allocate(gpu, 7);
  const optimizer = new Adam(parameters, {
    groups: { odd: { learningRate: 1e-3, weightDecay: 0 }, even: { learningRate: 1e-2, weightDecay: 0 } },
    groupOf: ({ name }) => name.length > 1 ? undefined : "ac".includes(name) ? "odd" : "even",
  });
  const raised = async () => {
    optimizer.inspect();
    return optimizer.finite.raised(await optimizer.finite.flags.read());
  };
  const dispose = () => {
    optimizer.dispose();
    parameters.dispose();
  };
  return { parameters, optimizer, raised, dispose };
}

const setBits = (tensor: Tensor, bits: Uint32Array<ArrayBuffer>) => gpu.write(tensor, bits);

Deno.test("finite numbers raise no flag, however large or small, in any array and in steps", async () => {
  const { parameters, optimizer, raised, dispose } = training();
  const live = gpu.memory.live;
  for (const { value, grad, shape } of parameters) {
    const size = shape.reduce((a, b) => a * b);
    setBits(value, Uint32Array.from({ length: size }, (_, i) => HARMLESS[i % HARMLESS.length]!));
    setBits(grad, Uint32Array.from({ length: size }, (_, i) => HARMLESS[2 + i % 5]!));
  }
  assert.deepEqual(await raised(), []);
  optimizer.step({ inspected: true });
  assert.deepEqual(await raised(), []);
  assert.equal(gpu.memory.live, live, "bytes left behind");
  dispose();
});

/** Moments are set through the state, for they have no name outside of the optimizer. */
async function spoil(
  { parameters, optimizer }: ReturnType<typeof training>,
  what: Inspected | "squares",
  name: keyof typeof SHAPES,
  at: number,
  bits: number,
): Promise<void> {
  const { value, grad } = parameters.get(name);
  if (what === "weights" || what === "gradients") {
    const target = what === "weights" ? value : grad;
    const words = new Uint32Array((await target.read() as Float32Array<ArrayBuffer>).buffer.slice(0));
    words[at] = bits;
    return setBits(target, words);
  }
  const state = await optimizer.read();
  const moments = (what === "moments" ? state.moments.exp_avg : state.moments.exp_avg_sq)!.get(name)!;
  new Uint32Array(moments.buffer, moments.byteOffset, moments.length)[at] = bits;
  optimizer.write(state);
}

for (const what of ["weights", "gradients", "moments", "squares"] as const) {
  Deno.test(`NaN and infinity in the ${what} of a parameter raise its flag alone, whatever their bits and place`, async () => {
    for (const [i, bits] of SPOILS.entries()) {
      const name = (Object.keys(SHAPES) as (keyof typeof SHAPES)[])[i % 4]!;
      const size = SHAPES[name].reduce((a, b) => a * b);
      for (const at of new Set([0, Math.floor(size / 2), size - 1])) {
        const own = training();
        await spoil(own, what, name, at, bits);
        if (what === "gradients") {
          assert.deepEqual(await own.raised(), [], "gradients are inspected by a step, not before it");
          own.optimizer.step({ inspected: true });
        }
        const [found, ...others] = await own.raised();
        assert.equal(found?.name, name, `${bits.toString(16)} at ${at} of ${name}`);
        assert.ok(found.what.includes(what === "squares" ? "moments" : what), `${found.what}`);
        assert.deepEqual(others, []);
        own.dispose();
      }
    }
  });
}

Deno.test("a gradient that stays in what it spoiled is found again, and every parameter that has one is named", async () => {
  const own = training();
  await spoil(own, "gradients", "a", 5, 0x7fc0_0000);
  await spoil(own, "gradients", "d", 63, 0xff80_0000);
  own.optimizer.step({ inspected: true });
  assert.deepEqual(await own.raised(), [
    { name: "a", what: ["weights", "gradients", "moments"] },
    { name: "d", what: ["weights", "gradients", "moments"] },
  ]);
  own.dispose();
});

Deno.test("what lies between parameters, and what is not learned, raises nothing", async () => {
  const own = training();
  for (const { values, grads } of own.parameters.arrays) {
    const bits = new Uint32Array((await values.read() as Float32Array<ArrayBuffer>).buffer.slice(0));
    const starts = own.parameters.arrays.flatMap(({ members }) => members);
    const isLearned = (i: number) =>
      starts.some(({ parameter: { name, shape }, start }) =>
        name.length === 1 && i >= start && i < start + shape.reduce((a, b) => a * b)
      );
    bits.forEach((_, i) => {
      if (!isLearned(i)) bits[i] = 0x7fc0_0000;
    });
    setBits(values, bits);
    setBits(grads, bits.map((word, i) => isLearned(i) ? 0 : word));
  }
  own.optimizer.step({ inspected: true });
  assert.deepEqual(await own.raised(), []);
  own.dispose();
});

Deno.test("where losses are scaled a gradient that overflows is no fault: its step is skipped", async () => {
  const own = training();
  const lossScale = new LossScale(gpu);
  await spoil(own, "gradients", "c", 1000, 0x7f80_0000);
  own.optimizer.step({ lossScale, inspected: true });
  assert.deepEqual(await own.raised(), []);
  assert.equal(lossScale.reading(await lossScale.state.read()).skipped, 1);
  lossScale.dispose();
  own.dispose();
});
