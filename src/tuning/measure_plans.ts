/** Measures the candidate plans of matrix products on the device, and finds the best. */
import type { Gpu } from "../gpu/gpu.ts";
import { capture, scope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { cast } from "../ops/cast.ts";
import { type Gemm, gemmBy } from "../ops/gemm.ts";
import { candidatePlans, type GemmPlan } from "../ops/gemm_plan.ts";
import { EPILOGUES, type GemmShape } from "../ops/gemm_shape.ts";

/** A candidate whose first call is this many times slower than the best is not measured further. */
const HOPELESS = 1.3;
/** A plan goes before the default only if it takes at most this fraction of the time: less is within the noise. */
const WORTHWHILE = 0.97;
/** The candidates take turns in so many rounds: more where products are short. */
const [LEAST_ROUNDS, MOST_ROUNDS] = [5, 25];
const ROUNDS_MILLISECONDS = 30;

/** The best plan found for a shape; milliseconds are the medians of one product. */
export interface Tuned {
  readonly shape: GemmShape;
  readonly plan: GemmPlan;
  readonly milliseconds: number;
  readonly defaultMilliseconds: number;
  /** Plans measured, the default among them. */
  readonly candidates: number;
  /** Plans that gave another result than the default, bit for bit: something is wrong with the adapter's driver. */
  readonly wrong: readonly GemmPlan[];
}

/** Tries all candidates for a shape. Throws an Error for an adapter without timestamps. */
export async function tuneShape(gpu: Gpu, shape: GemmShape): Promise<Tuned> {
  const { a, b, options } = operandsFor(gpu, shape);
  const { bias, h, residual } = options;
  try {
    const run = (plan: GemmPlan) => gemmBy(plan, a, b, options);
    const all = candidatePlans(gpu, shape);
    const [right, wrong] = await compare(all, run);
    const first = await measure(gpu, right.map((plan) => () => run(plan)), 1);
    const limit = HOPELESS * Math.min(...first);
    const left = right.filter((_, i) => i === 0 || first[i]! <= limit);
    const rounds = Math.ceil(ROUNDS_MILLISECONDS / Math.min(...first));
    const times = await measure(
      gpu,
      left.map((plan) => () => run(plan)),
      Math.min(Math.max(rounds, LEAST_ROUNDS), MOST_ROUNDS),
    );
    const best = times.indexOf(Math.min(...times));
    const winner = times[best]! <= WORTHWHILE * times[0]! ? best : 0;
    return {
      shape,
      plan: left[winner]!,
      milliseconds: times[winner]!,
      defaultMilliseconds: times[0]!,
      candidates: all.length,
      wrong,
    };
  } finally {
    for (const tensor of [a, b, bias, h, residual]) tensor?.dispose();
    gpu.trim();
  }
}

/**
 * Divides plans into those that give what the first gives and those that do not, and compiles all of them on the way. Sums
 * of the operands are whole numbers, so the order of a sum makes no difference.
 */
async function compare(
  plans: readonly GemmPlan[],
  run: (plan: GemmPlan) => Tensor,
): Promise<[right: GemmPlan[], wrong: GemmPlan[]]> {
  const right: GemmPlan[] = [], wrong: GemmPlan[] = [];
  let expected: Uint16Array | undefined;
  for (const plan of plans) {
    const c = capture(() => run(plan));
    const [bytes] = await c.gpu.read([c]);
    c.dispose();
    const values = new Uint16Array(bytes!);
    expected ??= values;
    (same(values, expected) ? right : wrong).push(plan);
  }
  return [right, wrong];
}

function same(a: Uint16Array, b: Uint16Array): boolean {
  for (let i = 0; i < b.length; i++) {
    if (a[i] !== b[i]) return false;
  }
  return a.length === b.length;
}

/** Milliseconds on the device for each of the works, which take turns: medians over rounds. */
async function measure(gpu: Gpu, works: readonly (() => unknown)[], rounds: number): Promise<number[]> {
  const counts = works.map(() => 0);
  gpu.startProfiling();
  for (let round = 0; round < rounds; round++) {
    for (const [i, work] of works.entries()) {
      const before = gpu.dispatches;
      scope(() => void work());
      counts[i] = gpu.dispatches - before;
    }
  }
  const dispatches = await gpu.stopProfiling();
  const times: number[][] = works.map(() => []);
  let at = 0;
  for (let round = 0; round < rounds; round++) {
    for (const [i, count] of counts.entries()) {
      const own = dispatches.slice(at, at += count);
      times[i]!.push(own.reduce((sum, { milliseconds, copying }) => sum + milliseconds + copying, 0));
    }
  }
  return times.map((values) => values.sort((a, b) => a - b)[values.length >> 1]!);
}

/** Operands whose elements are -1, 0 and 1 in pseudo-random order. */
function operandsFor(gpu: Gpu, shape: GemmShape): { a: Tensor; b: Tensor; options: Gemm } {
  const { m, n, k, batch, sharedA, sharedB, dtype, epilogue, result } = shape;
  const draw = (size: number, seed: number) => {
    const values = new Float32Array(size);
    for (let i = 0; i < size; i++) values[i] = (Math.imul(i + seed, 0x9e3779b1) >>> 16) % 3 - 1;
    return Tensor.from(gpu, values, [size]);
  };
  return noGrad(() =>
    capture(() => ({
      a: cast(draw((sharedA ? 1 : batch) * m * k, 1), dtype),
      b: cast(draw((sharedB ? 1 : batch) * k * n, 7), dtype),
      options: {
        ...shape,
        ...Object.fromEntries(
          EPILOGUES[epilogue].map((
            name,
            i,
          ) => [name, name === "bias" ? draw(n, 3) : cast(draw(batch * m * n, 5 + i), result)]),
        ),
      },
    }))
  );
}
