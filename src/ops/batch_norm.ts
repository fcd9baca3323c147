/** Batch normalisation (Ioffe and Szegedy, 2015) over all rows of a map whose last axis holds the channels. */
import { defineKernel, type KernelSource } from "../gpu/kernel.ts";
import { showShape, sizeOf } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { floatOf, mustBe } from "./check.ts";
import { full } from "./fill.ts";
import { type PackSize, packSizeOf } from "./packs.ts";
import { rowWorkgroup, workgroup } from "./workgroup.ts";
import batchNorm_ from "../../wgsl/norm/batch_norm.wgsl" with { type: "text" };
import byFour from "../../wgsl/rows/by_four.wgsl" with { type: "text" };
import byOne from "../../wgsl/rows/by_one.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };

const batchNormKernel: Readonly<Record<PackSize, KernelSource>> = {
  4: defineKernel("batchNorm", [batchNorm_, byFour, workgroup, grid], ["x", "dy"]),
  1: defineKernel("batchNorm", [batchNorm_, byOne, workgroup, grid]),
};

/** Chunks of rows that are added up by themselves: as many as keep an adapter busy, none with so many rows. */
const [CHUNKS, FEWEST_ROWS, MOST_ROWS] = [64, 16, 256];
/** Rows that an invocation takes where each row is only mapped. */
const ROWS_EACH = 16;

/** Statistics of the batches seen in training, which evaluation normalises by. */
export interface RunningStatistics {
  /** f32 [channels]. */
  readonly mean: Tensor;
  /** f32 [channels]: of the estimate that divides by rows - 1. */
  readonly variance: Tensor;
  /** f32 [1]: how often they have moved. */
  readonly batches: Tensor;
}

export interface BatchNormOptions {
  readonly epsilon: number;
  /** "batch": mean and variance are those of x. "running": those of `running`, which is then not moved. */
  readonly statistics: "batch" | "running";
  /** By how much of the way `running` moves to the statistics of x; not at all if not given. */
  readonly momentum?: number;
}

/**
 * gamma · (x − mean) / √(variance + epsilon) + beta, for each channel of x [.., channels] over all else; gamma and beta are
 * [channels] and f32, x is f32 or f16. By batch statistics the variance is the biased one, and with a `momentum` the running
 * statistics become (1 − momentum) · running + momentum · the batch's, the variance unbiased. A single row has no variance: it
 * gives beta, and leaves the running statistics as they are. Throws TypeError for other types and shapes, RangeError for no rows.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { batchNorm, full, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 10, 3, 30), [2, 2]);
 * const [one, zero] = [full(gpu, [2], 1), full(gpu, [2], 0)];
 * const running = { mean: full(gpu, [2], 0), variance: full(gpu, [2], 1), batches: full(gpu, [1], 0) };
 * const y = batchNorm(x, one, zero, running, { epsilon: 1e-5, statistics: "batch", momentum: 0.5 });
 * for (const [i, value] of (await y.read()).entries()) assert.ok(Math.abs(value - (i < 2 ? -1 : 1)) < 1e-4);
 * assert.deepEqual(await running.mean.read(), Float32Array.of(1, 10));
 * gpu.destroy();
 * ```
 */
export function batchNorm(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  running: RunningStatistics,
  { epsilon, statistics, momentum }: BatchNormOptions,
): Tensor {
  const dtype = floatOf("batchNorm", x);
  const channels = mustHaveChannels(x, gamma, beta, running);
  const { gpu } = x;
  const packSize = packSizeOf(channels);
  const [rows, packs] = [x.size / channels, channels / packSize];
  const kernel = batchNormKernel[packSize];
  const constants = { WG: rowWorkgroup(gpu), Elem: dtype };
  const chunk = Math.min(Math.max(Math.ceil(rows / CHUNKS), FEWEST_ROWS), MOST_ROWS);
  const chunked = { rows, packs, chunk, chunks: Math.ceil(rows / chunk) };
  const mapped = { rows, packs, chunk: ROWS_EACH, chunks: Math.ceil(rows / ROWS_EACH) };
  const byChunk = (chunks: { chunks: number }) => ({ kernel, constants, invocations: chunks.chunks * packs });
  const byPack = { kernel, constants, invocations: packs };
  const byColumn = { kernel, constants, workgroups: packs };

  const y = Tensor.empty(gpu, x.shape, dtype, needsGrad(x, gamma, beta));
  const moments = Tensor.empty(gpu, [4, channels]);
  if (statistics === "batch") {
    const partials = Tensor.empty(gpu, [2, chunked.chunks, channels]);
    gpu.dispatch({ ...byChunk(chunked), entry: "statistics", buffers: { x, partials }, params: chunked });
    gpu.dispatch({
      ...byColumn,
      entry: "join",
      buffers: { x, partials_saved: partials, moments },
      params: { ...chunked, epsilon },
    });
    if (momentum !== undefined && rows > 1) {
      const { mean: running_mean, variance: running_variance, batches } = running;
      gpu.dispatch({
        ...byPack,
        entry: "move_running",
        buffers: { moments_saved: moments, running_mean, running_variance, batches },
        params: { packs, momentum, unbiased: rows / (rows - 1) },
      });
    }
  } else {
    gpu.dispatch({
      ...byPack,
      entry: "by_running",
      buffers: { running_mean_now: running.mean, running_variance_now: running.variance, moments },
      params: { packs, epsilon },
    });
  }
  gpu.dispatch({
    ...byChunk(mapped),
    entry: "apply",
    buffers: { x, moments_saved: moments, gamma, beta, y },
    params: mapped,
  });
  return record(y, [x, gamma, beta], [x, gamma, moments], (dy, needed, sinks) => {
    const byBatch = statistics === "batch";
    const totals = Tensor.empty(gpu, [2, channels]);
    const dgamma = sinks[1] ?? full(gpu, [channels], 0);
    const dbeta = sinks[2] ?? full(gpu, [channels], 0);
    if (needed[1] || needed[2] || byBatch) {
      const sum_partials = Tensor.empty(gpu, [2, chunked.chunks, channels]);
      gpu.dispatch({
        ...byChunk(chunked),
        entry: "sums",
        buffers: { x, dy, moments_saved: moments, sum_partials },
        params: chunked,
      });
      gpu.dispatch({
        ...byColumn,
        entry: "join_sums",
        buffers: { sum_partials_saved: sum_partials, totals, dgamma, dbeta },
        params: { packs, chunks: chunked.chunks },
      });
    }
    if (!needed[0]) return [undefined, dgamma, dbeta];
    const sink = sinks[0]?.dtype === dtype ? sinks[0] : undefined;
    const dx = sink ?? Tensor.empty(gpu, x.shape, dtype);
    const totals_saved = byBatch ? totals : full(gpu, [2, channels], 0); // running statistics do not depend on x
    gpu.dispatch({
      ...byChunk(mapped),
      entry: "backward",
      buffers: { x, dy, gamma, moments_saved: moments, totals_saved, dx },
      params: { ...mapped, inverse_rows: 1 / rows, added: Number(sink !== undefined) },
    });
    return [dx, dgamma, dbeta];
  });
}

/** The number of channels. Throws TypeError where tensors are not of it, or not f32; RangeError where x has no elements. */
function mustHaveChannels(x: Tensor, gamma: Tensor, beta: Tensor, running: RunningStatistics): number {
  const channels = x.shape.at(-1);
  if (channels === undefined) throw new TypeError("Cannot batchNorm a scalar: it has no channels");
  if (x.size === 0) throw new RangeError(`Cannot batchNorm ${showShape(x.shape)}: it has no elements`);
  const { mean, variance, batches } = running;
  mustBe("f32", "batchNorm by", gamma, beta, mean, variance, batches);
  const other = [gamma, beta, mean, variance].find(({ rank, size }) => rank !== 1 || size !== channels);
  if (other !== undefined || sizeOf(batches.shape) !== 1) {
    throw new TypeError(
      `Cannot batchNorm ${showShape(x.shape)} by ${showShape((other ?? batches).shape)}: ` +
        `gamma, beta and the running statistics are [${channels}], their number of batches [1]`,
    );
  }
  return channels;
}
