/** The form of a row in the op table, and how a row is checked. */
import assert from "node:assert/strict";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { backward } from "../../src/ops/backward.ts";
import { cast } from "../../src/ops/cast.ts";
import type { Float } from "../../src/ops/check.ts";
import { capture, scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { product, Value } from "./oracle.ts";

export interface Case {
  /** What is checked, as "softmax [3, 7]". */
  readonly name: string;
  readonly inputs: readonly Input[];
  /** The op under test. */
  readonly op: (...inputs: Tensor[]) => Tensor;
  /** The same in float64. */
  readonly oracle: (...inputs: Value[]) => Value;
  /** Where f32 needs other tolerances than `TOLERANCES` has. */
  readonly tolerance?: Exception;
  /** The op takes f16 too, with the tolerances that `TOLERANCES` has or others. */
  readonly halves?: true | Exception;
  /** There is f16 on the way: inputs and the gradient of the result are numbers of it, so that casts lose nothing. */
  readonly rounded?: true;
  /** The op has no gradient by its nature (argmax, equal): only its forward is checked. */
  readonly forwardOnly?: true;
}

/** Every element passes where |actual - expected| <= absolute + relative * |expected|. */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

/**
 * What each type allows, for values and gradients that are about 1. On llvmpipe the rows without an exception need at
 * most an absolute 4.7e-6 in f32 and 5e-6 in f16, beside what is relative; rounding to f16 is off by up to 2^-11.
 */
export const TOLERANCES: Readonly<Record<Float, Tolerance>> = {
  f32: { absolute: 1e-5, relative: 1e-5 },
  f16: { absolute: 1e-5, relative: 1e-3 },
};

/** Absolute tolerances of a row in place of those of its type, and why it needs them. */
export interface Exception {
  readonly forward?: number;
  readonly gradient?: number;
  readonly reason: string;
}

/** The same rows, for f16 as well. */
export function withHalves(rows: readonly Case[], halves: true | Exception = true): Case[] {
  return rows.map((row) => ({ ...row, halves: row.halves ?? halves }));
}

export interface Input {
  readonly shape: readonly number[];
  /** Values are drawn uniformly from here; [-2, 2] if not given. */
  readonly range?: readonly [number, number];
  /** Fixed values in place of drawn ones. */
  readonly values?: ArrayLike<number>;
  /** Masks and the like get no gradient. */
  readonly constant?: true;
  /** A parameter or statistic, which is f32, and so is its gradient, where the others are f16. */
  readonly single?: true;
}

/** A step that checks a row in a precision; left out on a device that has no f16 where that takes it. */
export function stepOf(
  gpu: Gpu,
  row: Case,
  precision: Float,
  check: (gpu: Gpu, row: Case, precision: Float) => Promise<void>,
): Deno.TestStepDefinition {
  const ignore = !gpu.features.has("shader-f16") && (precision === "f16" || row.rounded === true);
  return { name: `${row.name}, ${precision}`, ignore, fn: () => check(gpu, row, precision) };
}

/** A small, fast, seeded generator (xorshift); uniform in [0, 1). */
export function generator(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function draw(
  { shape, range: [low, high] = [-2, 2], values }: Input,
  random: () => number,
): Float32Array<ArrayBuffer> {
  return values
    ? Float32Array.from(values)
    : Float32Array.from({ length: product(shape) }, () => low + (high - low) * random());
}

/** Throws AssertionError naming the worst element unless all are within tolerance; NaN never is. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { absolute, relative }: Tolerance,
  what: string,
): void {
  assert.equal(actual.length, expected.length, `${what}: elements`);
  let failing = 0, worst = 0, excess = 0;
  for (let i = 0; i < expected.length; i++) {
    const [got, wanted] = [actual[i]!, expected[i]!];
    if (got === wanted) continue; // an infinity among them
    const ratio = Math.abs(got - wanted) / (absolute + relative * Math.abs(wanted));
    const share = Number.isNaN(ratio) ? Infinity : ratio;
    if (share <= 1) continue;
    failing++;
    if (share > excess) [worst, excess] = [i, share];
  }
  assert.ok(
    failing === 0,
    `${what}: ${failing} of ${expected.length} elements are off, as element ${worst}, which is ${
      actual[worst]
    } in place of ${expected[worst]}`,
  );
}

/** The largest difference relative to the largest magnitude expected (at least `least`); NaN anywhere gives Infinity. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>, least = 1e-6): number {
  assert.equal(actual.length, expected.length);
  let difference = 0, magnitude = least;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    if (!(error <= difference)) difference = Number.isNaN(error) ? Infinity : error;
    magnitude = Math.max(magnitude, Math.abs(expected[i]!));
  }
  return difference / magnitude;
}

const rounded = (values: Float32Array) => Float32Array.from(Float16Array.from(values));

/** An input on the device; outside of scopes. */
function leafOf(
  gpu: Gpu,
  values: Float32Array<ArrayBuffer>,
  shape: readonly number[],
  dtype: Float,
  requiresGrad: boolean,
) {
  if (dtype === "f32") return Tensor.from(gpu, values, shape, requiresGrad);
  return capture(() => cast(Tensor.from(gpu, values, shape), dtype).view(shape, { requiresGrad }));
}

/**
 * Forward, every input's gradient, and the oracle's own gradient against a projected finite difference. In f16, inputs
 * are rounded before the oracle sees them: only the op's own errors count.
 */
export async function checkCase(gpu: Gpu, row: Case, precision: Float = "f32"): Promise<void> {
  const inHalves = precision === "f16";
  const random = generator(row.name.length + row.inputs.length);
  const data = row.inputs.map((input) => {
    const values = draw(input, random);
    return row.rounded || inHalves && !input.single ? rounded(values) : values;
  });
  const values = data.map((array, i) => Value.of(row.inputs[i]!.shape, array));
  const expected = row.oracle(...values);
  const drawn = Float32Array.from(expected.data, () => 2 * random() - 1);
  const seed = inHalves || row.rounded ? rounded(drawn) : drawn;
  const exception = inHalves ? row.halves : row.tolerance;
  const { forward, gradient }: Partial<Exception> = exception === true ? {} : exception ?? {};
  const live = gpu.memory.live;

  const inputs = data.map((array, i) => {
    const { shape, constant, single } = row.inputs[i]!;
    return leafOf(gpu, array, shape, single ? "f32" : precision, !row.forwardOnly && !constant);
  });
  const { y, grads } = scope(() => {
    const y = scope(() => row.op(...inputs)); // an inner scope: what the gradient reads must be held by the tape
    assert.deepEqual([...y.shape], [...expected.shape], `${row.name}: shape`);
    if (!row.forwardOnly) backward(y, cast(Tensor.from(gpu, seed, y.shape), y.dtype as Float));
    return { y, grads: inputs.flatMap((input) => input.grad ?? []) };
  });
  const [output, ...gradients] = await readTensors([y, ...grads]);
  for (const [i, { single, constant }] of row.inputs.entries()) {
    if (single && !constant) {
      assert.equal(inputs[i]!.grad?.dtype, "f32", `${row.name}: type of gradient ${i}`);
    }
  }
  const close = (
    values: ArrayLike<number>,
    of: Tensor,
    expected: ArrayLike<number>,
    what: string,
    absolute?: number,
  ) => {
    const tolerance = TOLERANCES[of.dtype === "f16" ? "f16" : "f32"];
    assertClose(values, expected, { ...tolerance, ...(absolute && { absolute }) }, `${row.name}: ${what}`);
  };
  for (const tensor of [y, ...grads, ...inputs]) tensor.dispose();

  close(output!, y, expected.data, "forward", forward);
  if (!row.forwardOnly) {
    expected.backward(seed);
    const wanted = values.filter((_, i) => !row.inputs[i]!.constant);
    assert.equal(gradients.length, wanted.length, `${row.name}: inputs with a gradient`);
    for (const [i, value] of wanted.entries()) {
      close(gradients[i]!, grads[i]!, value.grad, `gradient ${i}`, gradient);
    }
    if (!inHalves) checkOracle(row, values, seed, random);
  }
  assert.equal(gpu.memory.live, live, `${row.name}: bytes left behind`);
}

/** d/dε Σ seed · f(x + ε v) by central differences equals Σ grad · v. */
function checkOracle(row: Case, values: readonly Value[], seed: Float32Array, random: () => number): void {
  const directions = values.map((value, i) =>
    Float64Array.from(value.data, () => row.inputs[i]!.constant ? 0 : 2 * random() - 1)
  );
  const epsilon = 1e-6;
  const project = (sign: number) => {
    const moved = values.map((value, i) =>
      Value.of(value.shape, value.data.map((x, j) => x + sign * epsilon * directions[i]![j]!))
    );
    return row.oracle(...moved).data.reduce((total, y, i) => total + y * seed[i]!, 0);
  };
  const numeric = (project(1) - project(-1)) / (2 * epsilon);
  let analytic = 0, magnitude = 0;
  for (const [i, value] of values.entries()) {
    for (let j = 0; j < value.grad.length; j++) {
      const term = value.grad[j]! * directions[i]![j]!;
      analytic += term;
      magnitude += Math.abs(term);
    }
  }
  const error = Math.abs(numeric - analytic) /
    Math.max(1e-3, Math.sqrt(magnitude), magnitude / Math.sqrt(1 + values.length));
  assert.ok(error <= 1e-4, `${row.name}: the oracle's own gradient is off by ${error.toExponential(1)}`);
}
