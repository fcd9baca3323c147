/** Layer normalisation over the last axis. */
import { showShape } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { floatOf, mustBe } from "./check.ts";
import { MAX_ITERATIONS } from "./plan.ts";
import { full } from "./fill.ts";
import { defineRowKernel, planRows, type RowPlan } from "./rows.ts";
import layerNorm_ from "../../wgsl/rows/layer_norm.wgsl" with { type: "text" };

const kernel = defineRowKernel("layerNorm", [layerNorm_], ["x", "dy"]);

/** Workgroups that keep an adapter busy; rows beyond are taken one after the other. */
const GROUPS = { software: 64, gpu: 1024 };

/** Rows that a workgroup takes, and so shares of the gradients of gamma and beta that there are. */
function planShares({ gpu }: Tensor, { rows, steps }: RowPlan) {
  const loopsOfOneRow = 4 * steps + 32; // four walks of the row, the lanes' sums
  const wanted = Math.ceil(rows / GROUPS[gpu.adapterClass]);
  const rowsEach = Math.min(wanted, Math.floor(MAX_ITERATIONS / loopsOfOneRow));
  return { rowsEach, shares: Math.ceil(rows / rowsEach) };
}

/**
 * gamma · (x − mean) / √(variance + epsilon) + beta, mean and (biased) variance over the last axis of x [.., cols];
 * gamma and beta are [cols] and f32, x is f32 or f16. Throws TypeError where they are not.
 */
export function layerNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): Tensor {
  const dtype = floatOf("layerNorm", x);
  mustBe("f32", "layerNorm by", gamma, beta);
  const plan = planRows("layerNorm", x);
  const { rows, cols } = plan;
  const constants = { ...plan.constants, Elem: dtype };
  for (const tensor of [gamma, beta]) {
    if (tensor.rank !== 1 || tensor.size !== cols) {
      throw new TypeError(
        `Cannot layerNorm ${showShape(x.shape)} by ${showShape(tensor.shape)}: gamma and beta are [${cols}]`,
      );
    }
  }
  const { gpu } = x;
  const { rowsEach, shares } = planShares(x, plan);
  const variant = plan.variant(kernel);
  const params = { rows, rows_each: rowsEach };
  const y = Tensor.empty(gpu, x.shape, dtype, needsGrad(x, gamma, beta));
  const moments = Tensor.empty(gpu, [rows, 2]);
  gpu.dispatch({
    kernel: variant,
    entry: "forward",
    buffers: { x, gamma, beta, y, moments },
    params: { ...params, epsilon },
    workgroups: shares,
    constants,
  });
  return record(y, [x, gamma, beta], [x, gamma, moments], (dy, needed, sinks) => {
    const sink = sinks[0]?.dtype === dtype ? sinks[0] : undefined;
    const dx = sink ?? Tensor.empty(gpu, x.shape, dtype);
    const gamma_shares = Tensor.empty(gpu, [shares, cols]);
    const beta_shares = Tensor.empty(gpu, [shares, cols]);
    gpu.dispatch({
      kernel: variant,
      entry: "backward",
      buffers: { x, gamma, moments_saved: moments, dy, dx, gamma_shares, beta_shares },
      params: { ...params, added: Number(sink !== undefined) },
      workgroups: shares,
      constants,
    });
    if (!needed[1] && !needed[2]) return [dx];
    const dgamma = sinks[1] ?? full(gpu, [cols], 0);
    const dbeta = sinks[2] ?? full(gpu, [cols], 0);
    gpu.dispatch({
      kernel: variant,
      entry: "join",
      buffers: { gamma_parts: gamma_shares, beta_parts: beta_shares, dgamma, dbeta },
      params,
      workgroups: plan.constants.PACKS,
      constants,
    });
    return [dx, dgamma, dbeta];
  });
}
