/** What batch norm does beside its result: running statistics that move, and what it refuses. */
import assert from "node:assert/strict";
import { batchNorm, type RunningStatistics } from "../../src/ops/batch_norm.ts";
import { cast } from "../../src/ops/cast.ts";
import type { Float } from "../../src/ops/check.ts";
import { full } from "../../src/ops/fill.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { assertClose, generator } from "./table.ts";

const EPSILON = 1e-5;

function started(x: Tensor): RunningStatistics {
  const channels = x.shape.at(-1)!;
  return {
    mean: full(x.gpu, [channels], 0),
    variance: full(x.gpu, [channels], 1),
    batches: full(x.gpu, [1], 0),
  };
}

const readAll = ({ mean, variance, batches }: RunningStatistics) => readTensors([mean, variance, batches]);

for (const [channels, dtype] of [[8, "f32"], [5, "f32"], [8, "f16"]] as const) {
  Deno.test(`batchNorm() moves the running statistics of ${channels} channels, ${dtype}`, async () => {
    const gpu = await openTestGpu();
    const random = generator(3);
    const rows = 300;
    const values = Float32Array.from(
      { length: rows * channels },
      (_, i) => Math.fround(50 * (i % channels) + 4 * random()),
    );
    const x = cast(Tensor.from(gpu, values, [rows, channels]), dtype as Float);
    const stored = await x.read() as Float32Array;
    const running = started(x);
    const expected = { mean: new Float64Array(channels), variance: new Float64Array(channels).fill(1) };
    const step = (momentum: number) => {
      scope(() => {
        const { gamma, beta } = { gamma: full(gpu, [channels], 1), beta: full(gpu, [channels], 0) };
        batchNorm(x, gamma, beta, running, { epsilon: EPSILON, statistics: "batch", momentum });
      });
      for (let c = 0; c < channels; c++) {
        const column = stored.filter((_, i) => i % channels === c);
        const mean = column.reduce((sum, one) => sum + one, 0) / rows;
        const variance = column.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (rows - 1);
        expected.mean[c]! += momentum * (mean - expected.mean[c]!);
        expected.variance[c]! += momentum * (variance - expected.variance[c]!);
      }
    };
    step(0.1);
    step(0.5);
    const [mean, variance, batches] = await readAll(running);
    const close = { absolute: 1e-6, relative: 2e-6 };
    assertClose(mean!, expected.mean, close, "running mean");
    assertClose(variance!, expected.variance, close, "running variance");
    assert.deepEqual(batches, Float32Array.of(2));
  });
}

Deno.test("batchNorm() leaves running statistics alone without a momentum, in evaluation, and of a single row", async () => {
  const gpu = await openTestGpu();
  const [one, zero] = [full(gpu, [3], 1), full(gpu, [3], 0)];
  const [many, single] = [Tensor.from(gpu, Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]), full(gpu, [1, 3], 7)];
  const running = started(many);
  batchNorm(many, one, zero, running, { epsilon: EPSILON, statistics: "batch" });
  batchNorm(many, one, zero, running, { epsilon: EPSILON, statistics: "running", momentum: 0.1 });
  const y = batchNorm(single, one, zero, running, { epsilon: EPSILON, statistics: "batch", momentum: 0.1 });
  assert.deepEqual(await y.read(), Float32Array.of(0, 0, 0));
  assert.deepEqual(await readAll(running), [
    Float32Array.of(0, 0, 0),
    Float32Array.of(1, 1, 1),
    Float32Array.of(0),
  ]);
});

Deno.test("batchNorm() refuses other shapes, other types and nothing at all", async () => {
  const gpu = await openTestGpu();
  const x = full(gpu, [4, 3], 1);
  const [three, two] = [full(gpu, [3], 1), full(gpu, [2], 1)];
  const running = started(x);
  const options = { epsilon: EPSILON, statistics: "batch" } as const;
  assert.throws(
    () => batchNorm(x, two, three, running, options),
    /\[4, 3\] by \[2\]: gamma, beta and the running/,
  );
  assert.throws(() => batchNorm(x, three, three, { ...running, variance: two }, options), TypeError);
  assert.throws(() => batchNorm(x, three, three, { ...running, batches: three }, options), TypeError);
  assert.throws(() => batchNorm(x, cast(three, "f16"), three, running, options), TypeError);
  assert.throws(
    () => batchNorm(Tensor.empty(gpu, [0, 3]), three, three, running, options),
    RangeError,
  );
});
