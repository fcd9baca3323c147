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
  /** Allowed error relative to the largest magnitude; 1e-4 forward and 1e-3 for gradients if not given. */
  readonly tolerance?: Tolerance;
  /** The op takes f16 too, and this is its tolerance there; 1e-3 forward and 4e-3 for gradients if not given. */
  readonly halves?: Tolerance;
  /** The op has no gradient by its nature (argmax, equal): only its forward is checked. */
  readonly forwardOnly?: true;
}

export interface Tolerance {
  readonly forward?: number;
  readonly gradient?: number;
}

/** The same rows, for f16 as well. */
export function withHalves(rows: readonly Case[], halves: Tolerance = {}): Case[] {
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
  /** A parameter, which is f32, and so is its gradient, where the others are f16. */
  readonly single?: true;
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
    return inHalves && !input.single ? rounded(values) : values;
  });
  const values = data.map((array, i) => Value.of(row.inputs[i]!.shape, array));
  const expected = row.oracle(...values);
  const drawn = Float32Array.from(expected.data, () => 2 * random() - 1);
  const seed = inHalves ? rounded(drawn) : drawn;
  const { forward = inHalves ? 1e-3 : 1e-4, gradient = inHalves ? 4e-3 : 1e-3 } =
    (inHalves ? row.halves : row.tolerance) ?? {};
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
  for (const [i, { single }] of row.inputs.entries()) {
    if (single) assert.equal(inputs[i]!.grad?.dtype, "f32", `${row.name}: type of gradient ${i}`);
  }
  for (const tensor of [y, ...grads, ...inputs]) tensor.dispose();

  const least = inHalves ? 2 ** -14 : 1e-6; // below, f16 has fewer digits
  const error = relativeError(output!, expected.data, least);
  assert.ok(error <= forward, `${row.name}: forward is off by ${error.toExponential(1)}`);
  if (!row.forwardOnly) {
    expected.backward(seed);
    const wanted = values.filter((_, i) => !row.inputs[i]!.constant);
    assert.equal(gradients.length, wanted.length, `${row.name}: inputs with a gradient`);
    for (const [i, value] of wanted.entries()) {
      const error = relativeError(gradients[i]!, value.grad, least);
      assert.ok(error <= gradient, `${row.name}: gradient ${i} is off by ${error.toExponential(1)}`);
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
