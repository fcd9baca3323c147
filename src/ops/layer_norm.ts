/** Layer normalisation over the last axis. */
import { DeviceSlot } from "../gpu/device_slot.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { showShape } from "../tensor/shape.ts";
import { keepOpen } from "../tensor/open_leaves.ts";
import { atEndOfBackward, needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { floatOf, mustBe } from "./check.ts";
import { full } from "./fill.ts";
import { defineRowKernel, type RowLayout, rowLayout } from "./rows.ts";
import { MAX_ITERATIONS } from "./workgroup.ts";
import layerNorm_ from "../../wgsl/rows/layer_norm.wgsl" with { type: "text" };

const layerNormKernel = defineRowKernel("layerNorm", [layerNorm_], ["x", "dy"]);

/** Workgroups that keep an adapter busy; rows beyond are taken one after the other. */
const GROUPS = { software: 64, gpu: 1024 };

/** Rows that a workgroup takes, and workgroups: each leaves a partial sum of the gradients of gamma and beta. */
function groupRows({ gpu }: Tensor, { rows, steps }: RowLayout) {
  const loopsOfOneRow = 4 * steps + 32; // a row is walked four times, and lanes add up their sums in trees
  const wanted = Math.ceil(rows / GROUPS[gpu.adapterClass]);
  const rowsEach = Math.min(wanted, Math.floor(MAX_ITERATIONS / loopsOfOneRow));
  return { rowsEach, groups: Math.ceil(rows / rowsEach) };
}

/**
 * gamma · (x − mean) / √(variance + epsilon) + beta, mean and (biased) variance over the last axis of x [.., cols];
 * gamma and beta are [cols] and f32, x is f32 or f16. Throws TypeError where they are not.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { full, Gpu, layerNorm, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 3, 10, 30), [2, 2]);
 * const y = await layerNorm(x, full(gpu, [2], 1), full(gpu, [2], 0), 1e-6).read();
 * for (const [i, expected] of [-1, 1, -1, 1].entries()) assert.ok(Math.abs(y[i]! - expected) < 1e-4);
 * gpu.destroy();
 * ```
 */
export function layerNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): Tensor {
  const dtype = floatOf("layerNorm", x);
  mustBe("f32", "layerNorm by", gamma, beta);
  const layout = rowLayout("layerNorm", x);
  const { rows, cols } = layout;
  const constants = { ...layout.constants, Elem: dtype };
  for (const tensor of [gamma, beta]) {
    if (tensor.rank !== 1 || tensor.size !== cols) {
      throw new TypeError(
        `Cannot layerNorm ${showShape(x.shape)} by ${showShape(tensor.shape)}: gamma and beta are [${cols}]`,
      );
    }
  }
  const { gpu } = x;
  const { rowsEach, groups } = groupRows(x, layout);
  const kernel = layerNormKernel[layout.packSize];
  const params = { rows, rows_each: rowsEach };
  const y = Tensor.empty(gpu, x.shape, dtype, needsGrad(x, gamma, beta));
  const moments = Tensor.empty(gpu, [rows, 2]);
  gpu.dispatch({
    kernel,
    entry: "forward",
    buffers: { x, gamma, beta, y, moments },
    params: { ...params, epsilon },
    workgroups: groups,
    constants,
  });
  return record(y, [x, gamma, beta], [x, gamma, moments], (dy, needed, sinks) => {
    const sink = sinks[0]?.dtype === dtype ? sinks[0] : undefined;
    const dx = sink ?? Tensor.empty(gpu, x.shape, dtype);
    const gamma_partials = Tensor.empty(gpu, [groups, cols]);
    const beta_partials = Tensor.empty(gpu, [groups, cols]);
    const before = takeSums(gpu, layout);
    gpu.dispatch({
      kernel,
      entry: before ? "backward_and_join" : "backward",
      buffers: {
        ...{ x, gamma, moments_saved: moments, dy, dx, gamma_partials, beta_partials },
        ...before?.buffers,
      },
      params: {
        ...params,
        added: Number(sink !== undefined),
        ...(before && { groups, parts: before.parts }),
      },
      workgroups: groups + (before ? layout.constants.PACKS : 0),
      constants,
    });
    before?.release();
    if (!needed[1] && !needed[2]) return [dx];
    const dgamma = sinks[1] ?? full(gpu, [cols], 0);
    const dbeta = sinks[2] ?? full(gpu, [cols], 0);
    const sums = new Sums(layout, groups, {
      gamma_partials_saved: gamma_partials,
      beta_partials_saved: beta_partials,
      dgamma,
      dbeta,
    });
    if (canWait(gpu) && dgamma === gamma.grad && dbeta === beta.grad) leaveSums(gpu, sums, [gamma, beta]);
    else sums.join(gpu);
    return [dx, dgamma, dbeta];
  });
}

/** Partial sums of the gradients of gamma and beta, and where they go. */
class Sums {
  #close = () => {};

  constructor(
    readonly layout: RowLayout,
    readonly parts: number,
    readonly buffers: Readonly<Record<`${"gamma" | "beta"}_partials_saved` | "dgamma" | "dbeta", Tensor>>,
  ) {}

  join(gpu: Gpu): void {
    const { packSize, constants } = this.layout;
    gpu.dispatch({
      kernel: layerNormKernel[packSize],
      entry: "join",
      buffers: this.buffers,
      params: { parts: this.parts },
      workgroups: constants.PACKS,
      constants,
    });
  }

  /** The gradients of these leaves are not whole until `release`. */
  hold(leaves: readonly Tensor[]): void {
    for (const tensor of Object.values(this.buffers)) tensor.retain();
    this.#close = keepOpen(leaves);
  }

  release(): void {
    for (const tensor of Object.values(this.buffers)) tensor.dispose();
    this.#close();
  }
}

/**
 * The sums that the last layer norm of a backward pass has left. The next one adds them up beside its own work, which spares
 * a dispatch and a wait; what is left at the end of the pass is added up then. Nothing reads a leaf's gradient before.
 */
const left = new DeviceSlot<Sums | undefined>();

/** Buffers of `backward_and_join`. Processors gain nothing by waiting. */
const JOINING_BUFFERS = 11;
const canWait = ({ adapterClass, limits }: Gpu) =>
  adapterClass === "gpu" && limits.maxStorageBuffersPerShaderStage >= JOINING_BUFFERS;

function leaveSums(gpu: Gpu, sums: Sums, leaves: readonly Tensor[]): void {
  sums.hold(leaves);
  left.set(gpu, sums);
  atEndOfBackward(() => joinLeft(gpu));
}

/** The sums that are left, for a kernel of this layout to add up; others are added up at once. */
function takeSums(gpu: Gpu, { packSize, constants }: RowLayout): Sums | undefined {
  const sums = left.get(gpu);
  if (sums === undefined) return undefined;
  const { layout } = sums;
  const fits = layout.packSize === packSize && layout.constants.PACKS === constants.PACKS &&
    layout.constants.WG === constants.WG;
  if (!fits) {
    joinLeft(gpu);
    return undefined;
  }
  left.set(gpu, undefined);
  return sums;
}

function joinLeft(gpu: Gpu): void {
  const sums = left.get(gpu);
  left.set(gpu, undefined);
  sums?.join(gpu);
  sums?.release();
}
