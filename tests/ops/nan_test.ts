/**
 * NaN and infinity show. Each row of the op table is run with one element of an input, or of the incoming gradient,
 * replaced: where the float64 oracle then gives NaN so must the op, and where it gives infinity the op must give what is
 * not finite; forward and backward, in f32 and f16. WGSL lets drivers assume that there is neither, so that this is known
 * of the adapter it ran on alone; the kernels' part is to decide nothing by comparisons that NaN could lose, as `max` does.
 */
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import { backward } from "../../src/ops/backward.ts";
import { cast } from "../../src/ops/cast.ts";
import type { Float } from "../../src/ops/check.ts";
import { argmax } from "../../src/ops/indexing.ts";
import { relu, reluGrad } from "../../src/ops/pointwise.ts";
import { capture } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { families } from "./families.ts";
import { product, Value } from "./oracle.ts";
import { type Case, generator, type Input, stepOf } from "./table.ts";

/** All but patches of images, which are made of bytes. */
const { image: _, ...floatFamilies } = families;

/** Ops that leave elements out, whatever these are: what does not depend on one, to the last bit, may hide it. */
const LEAVES_OUT: readonly { readonly op: RegExp; readonly why: string }[] = [
  { op: /^dropout /, why: "what is dropped is 0, where the oracle multiplies it by 0" },
  { op: /^maskedSoftmax /, why: "what the mask hides weighs 0; minus infinities alone count as hidden" },
  {
    op: /^(a|selfA)ttention,.* (lengths|causal|window)/,
    why: "keys beyond a sample's length, or that a query does not see, do not take part",
  },
  { op: /^unimodalContrast /, why: "with pairs on one side only there is no contrast, and the loss is 0" },
  {
    op: /^l2Normalize of rows shorter/,
    why: "a row divided by a constant has no projection in its gradient",
  },
];

/** Adapters, by their names, whose own functions lose NaN, and where. */
const LOST: readonly { readonly adapter: RegExp; readonly op: RegExp; readonly why: string }[] = [
  {
    adapter: /swiftshader/i,
    op: /^(a|selfA)ttention/,
    why: "its e^NaN is infinity or 0, by the sign, and with it gradients of values; the result shows NaN",
  },
  {
    adapter: /LLVM 19/,
    op: /^layerNorm \[1(,1)?\]/,
    why: "Mesa 26 takes x - x for 0, whatever x is: a row of one element, less its mean",
  },
];

/** Rows of more elements take the same kernels through more turns. */
const MOST_ELEMENTS = 20_000;

/** The NaN that processors make has its sign bit set; the one of JavaScript has not. */
const [NEGATIVE_NAN] = new Float32Array(Uint32Array.of(0xffc0_0000).buffer);
const SPOILS = [NaN, Infinity, -Infinity];
/** 0 has infinities for results. Where bits and signs decide, both kinds of NaN must be tried. */
const MORE_SPOILS: Readonly<Record<string, readonly number[]>> = {
  pointwise: [NEGATIVE_NAN!, 0],
  reduce: [NEGATIVE_NAN!],
};

type Array32 = Float32Array<ArrayBuffer>;

const rounded = (values: Array32): Array32 => Float32Array.from(Float16Array.from(values));

function draw({ shape, range: [low, high] = [-2, 2], values }: Input, random: () => number): Array32 {
  if (values) return Float32Array.from(values);
  return Float32Array.from({ length: product(shape) }, () => low + (high - low) * random());
}

/** The result of a row and the gradients of its inputs, on the device; the caller disposes them. */
function run(gpu: Gpu, row: Case, precision: Float, data: readonly Array32[], seed: Array32): Tensor[] {
  const inputs = data.map((values, i) => {
    const { shape, constant, single } = row.inputs[i]!;
    const requiresGrad = !row.forwardOnly && !constant;
    if (precision === "f32" || single) return Tensor.from(gpu, values, shape, requiresGrad);
    return capture(() => cast(Tensor.from(gpu, values, shape), "f16").view(shape, { requiresGrad }));
  });
  const results = capture(() => {
    const y = row.op(...inputs);
    if (!row.forwardOnly) backward(y, cast(Tensor.from(gpu, seed, y.shape), y.dtype as Float));
    return [y, ...inputs.flatMap((input) => input.grad ?? [])];
  });
  for (const input of inputs) input.dispose();
  return results;
}

/** The same by the oracle. */
function runOracle(row: Case, data: readonly Array32[], seed: Array32): Float64Array[] {
  const values = data.map((array, i) => Value.of(row.inputs[i]!.shape, array));
  const y = row.oracle(...values);
  if (row.forwardOnly) return [y.data];
  y.backward(seed);
  return [y.data, ...values.filter((_, i) => !row.inputs[i]!.constant).map(({ grad }) => grad)];
}

/** True where a result hides what the oracle shows: a number for NaN, or a finite number for infinity. */
function hides(actual: number, expected: number, spoil: number): boolean {
  const isVisible = Number.isNaN(spoil) && Number.isNaN(expected)
    ? Number.isNaN(actual)
    : !Number.isFinite(actual);
  return !Number.isFinite(expected) && !isVisible;
}

async function checkRow(gpu: Gpu, row: Case, precision: Float, spoils: readonly number[]): Promise<void> {
  const random = generator(row.name.length);
  const inHalves = (values: Array32, i: number) =>
    precision === "f16" && !row.inputs[i]?.single ? rounded(values) : values;
  const data = row.inputs.map((input, i) => inHalves(draw(input, random), i));
  const size = row.oracle(...data.map((array, i) => Value.of(row.inputs[i]!.shape, array))).data.length;
  const seed = inHalves(Float32Array.from({ length: size }, () => 2 * random() - 1), data.length);

  const parts = [...data, ...(row.forwardOnly ? [] : [seed])];
  const variants = parts.flatMap((part, which) =>
    spoils.map((spoil) => {
      const place = Math.floor(part.length * random());
      return { spoil, place, which, parts: parts.with(which, part.with(place, spoil)) };
    })
  );
  const runs = [{ parts }, ...variants].map(({ parts }) =>
    run(gpu, row, precision, parts.slice(0, data.length), parts[data.length] ?? seed)
  );
  const results = await readTensors(runs.flat());
  for (const tensor of runs.flat()) tensor.dispose();

  const leavesOut = LEAVES_OUT.some(({ op }) => op.test(row.name));
  const unspoiled = results.splice(0, runs[0]!.length);
  for (const { spoil, place, which, parts } of variants) {
    const actual = results.splice(0, unspoiled.length);
    const expected = runOracle(row, parts.slice(0, data.length), parts[data.length] ?? seed);
    for (const [i, values] of expected.entries()) {
      const hidden = values.findIndex((value, j) =>
        hides(actual[i]![j]!, value, spoil) && !(leavesOut && Object.is(actual[i]![j], unspoiled[i]![j]))
      );
      const where = which < data.length ? `input ${which}` : "the gradient that comes in";
      const result = i === 0 ? "the result" : `gradient ${i - 1}`;
      assert.equal(
        hidden,
        -1,
        `${row.name}: with ${spoil} at ${place} of ${where}, ${result} is ${actual[i]![hidden]} in place of ${
          values[hidden]
        }`,
      );
    }
  }
}

// Kernels and plans differ by the class of adapter, as in the op table. That takes the classes in the other order, so that
// where both files run at once each finds kernels that the other has had the driver compile.
for (const adapterClass of ["gpu", "software"] as const) {
  for (const [family, cases] of Object.entries(floatFamilies)) {
    Deno.test(`NaN and infinity show in the results of ${family} ops, as planned for ${adapterClass}`, async (t) => {
      const gpu = await Gpu.open("auto", { adapterClass });
      const spoils = [...SPOILS, ...MORE_SPOILS[family] ?? []];
      for (const precision of ["f32", "f16"] as const) {
        const rows = cases.filter(({ halves, inputs }) =>
          (precision === "f32" || halves !== undefined) &&
          inputs.every(({ shape }) => product(shape) <= MOST_ELEMENTS)
        );
        const check = (gpu: Gpu, row: Case, precision: Float) => checkRow(gpu, row, precision, spoils);
        for (const row of rows) {
          const step = stepOf(gpu, row, precision, check);
          const isLost = LOST.some(({ adapter, op }) => adapter.test(gpu.name) && op.test(row.name));
          await t.step({ ...step, ignore: step.ignore! || isLost });
        }
      }
      gpu.destroy();
    });
  }
}

Deno.test("the gradient of relu is NaN where its argument is, as it would be of x^2: a dead unit does not hide it", async () => {
  const gpu = await openTestGpu();
  const values = Float32Array.of(NaN, NEGATIVE_NAN!, Infinity, -Infinity, 0, -0, 2, -2);
  const [x, dy] = [Tensor.from(gpu, values, [8]), Tensor.from(gpu, new Float32Array(8).fill(1), [8])];
  const [y, dx] = capture(() => [relu(x), reluGrad(x, dy)] as const);
  const read = await readTensors([y, dx]);
  for (const tensor of [x, dy, y, dx]) tensor.dispose();
  assert.deepEqual([...read[0]!], [NaN, NaN, Infinity, 0, 0, 0, 2, 0]);
  assert.deepEqual([...read[1]!], [NaN, NaN, 1, 0, 0, 0, 1, 0]);
});

Deno.test("argmax takes NaN for the largest, the first of several, wherever it lies", async () => {
  const gpu = await openTestGpu();
  const columns = 600;
  const rows: readonly Record<number, number>[] = [
    { 0: NaN },
    { 599: NEGATIVE_NAN! },
    { 3: Infinity, 300: NaN, 301: NEGATIVE_NAN! },
    { 2: -Infinity, 77: NEGATIVE_NAN!, 9: Infinity },
    { 5: Infinity, 4: 3e38 },
  ];
  const x = Tensor.from(
    gpu,
    Float32Array.from(
      { length: rows.length * columns },
      (_, i) => rows[Math.floor(i / columns)]![i % columns] ?? Math.sin(i),
    ),
    [rows.length, columns],
  );
  const places = capture(() => argmax(x));
  assert.deepEqual([...await places.read()], [0, 599, 300, 77, 5]);
  x.dispose();
  places.dispose();
});
