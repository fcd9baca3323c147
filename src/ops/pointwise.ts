/** Pointwise functions of one tensor. */
import { defineKernel, type KernelSource } from "../gpu/kernel.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { floatOf } from "./check.ts";
import { packsOf } from "./packs.ts";
import affine_ from "../../wgsl/pointwise/affine.wgsl" with { type: "text" };
import exp_ from "../../wgsl/pointwise/exp.wgsl" with { type: "text" };
import gelu_ from "../../wgsl/pointwise/gelu.wgsl" with { type: "text" };
import geluLibrary from "../../wgsl/lib/gelu.wgsl" with { type: "text" };
import geluTanh_ from "../../wgsl/pointwise/gelu_tanh.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import log_ from "../../wgsl/pointwise/log.wgsl" with { type: "text" };
import nan from "../../wgsl/lib/nan.wgsl" with { type: "text" };
import quickGelu_ from "../../wgsl/pointwise/quick_gelu.wgsl" with { type: "text" };
import relu_ from "../../wgsl/pointwise/relu.wgsl" with { type: "text" };
import reluLibrary from "../../wgsl/lib/relu.wgsl" with { type: "text" };
import sigmoid from "../../wgsl/lib/sigmoid.wgsl" with { type: "text" };
import silu_ from "../../wgsl/pointwise/silu.wgsl" with { type: "text" };
import sqrt_ from "../../wgsl/pointwise/sqrt.wgsl" with { type: "text" };
import tanh_ from "../../wgsl/pointwise/tanh.wgsl" with { type: "text" };
import unary_ from "../../wgsl/pointwise/unary.wgsl" with { type: "text" };

const unaryKernel = (name: string, ...files: readonly string[]) =>
  defineKernel(name, [unary_, grid, ...files], ["x", "dy"]);

/** op(x); `coefficients` are the a and b of an op that has some. */
function mapUnary(kernel: KernelSource, x: Tensor, coefficients?: { a: number; b: number }): Tensor {
  const dtype = floatOf(kernel.label, x);
  const y = Tensor.empty(x.gpu, x.shape, dtype, needsGrad(x));
  const packs = packsOf(x.size);
  x.gpu.dispatch({
    kernel,
    entry: "forward",
    buffers: { x, y },
    params: { packs, ...coefficients },
    invocations: packs,
    constants: { Elem: dtype },
  });
  return y;
}

/** The gradient of a unary op from its argument x and dy, outside the tape. */
function unaryGrad(kernel: KernelSource, x: Tensor, dy: Tensor): Tensor {
  const dtype = floatOf(`differentiate ${kernel.label} of`, x, dy);
  const dx = Tensor.empty(x.gpu, x.shape, dtype);
  const packs = packsOf(x.size);
  x.gpu.dispatch({
    kernel,
    entry: "backward",
    buffers: { x, dy, dx },
    params: { packs },
    invocations: packs,
    constants: { Elem: dtype },
  });
  return dx;
}

function unary(kernel: KernelSource): (x: Tensor) => Tensor {
  return (x) => record(mapUnary(kernel, x), [x], [x], (dy) => [unaryGrad(kernel, x, dy)]);
}

const reluKernel = unaryKernel("relu", relu_, reluLibrary, nan);
const geluKernel = unaryKernel("gelu", gelu_, geluLibrary);

/**
 * e^x, elementwise.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { exp, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = await exp(Tensor.from(gpu, Float32Array.of(0, 1), [2])).read();
 * assert.ok(y[0] === 1 && Math.abs(y[1]! - Math.E) < 1e-5);
 * gpu.destroy();
 * ```
 */
export const exp = unary(unaryKernel("exp", exp_, nan));
/**
 * The natural logarithm, elementwise.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, log, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = await log(Tensor.from(gpu, Float32Array.of(1, 10), [2])).read();
 * assert.ok(Math.abs(y[0]!) < 1e-6 && Math.abs(y[1]! - Math.LN10) < 1e-5);
 * gpu.destroy();
 * ```
 */
export const log = unary(unaryKernel("log", log_, nan));
/**
 * The square root, elementwise.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, sqrt, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = await sqrt(Tensor.from(gpu, Float32Array.of(0, 9), [2])).read();
 * assert.ok(y[0] === 0 && Math.abs(y[1]! - 3) < 1e-5);
 * gpu.destroy();
 * ```
 */
export const sqrt = unary(unaryKernel("sqrt", sqrt_));
/**
 * The hyperbolic tangent, elementwise.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, tanh, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = await tanh(Tensor.from(gpu, Float32Array.of(0, 1000), [2])).read();
 * assert.ok(y[0] === 0 && Math.abs(y[1]! - 1) < 1e-6);
 * gpu.destroy();
 * ```
 */
export const tanh = unary(unaryKernel("tanh", tanh_, nan));
/**
 * max(x, 0), elementwise; NaN stays.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, relu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = await relu(Tensor.from(gpu, Float32Array.of(-2, 3), [2])).read();
 * assert.deepEqual(y, Float32Array.of(0, 3));
 * gpu.destroy();
 * ```
 */
export const relu = unary(reluKernel);
/**
 * x Φ(x), elementwise, Φ being the normal distribution function by erf: the exact GELU, not the one by tanh.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { gelu, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = await gelu(Tensor.from(gpu, Float32Array.of(0, 1), [2])).read();
 * assert.ok(y[0] === 0 && Math.abs(y[1]! - 0.8413447) < 1e-5); // Φ(1)
 * gpu.destroy();
 * ```
 */
export const gelu = unary(geluKernel);
/**
 * x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, elementwise: the approximation of GELU that checkpoints call `gelu_new` or
 * `gelu_pytorch_tanh` (Hendrycks and Gimpel, 2016).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { geluTanh, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = await geluTanh(Tensor.from(gpu, Float32Array.of(0, 1), [2])).read();
 * assert.ok(y[0] === 0 && Math.abs(y[1]! - 0.841192) < 1e-5); // 0.0002 below gelu
 * gpu.destroy();
 * ```
 */
export const geluTanh = unary(unaryKernel("gelu_tanh", geluTanh_, sigmoid));
/**
 * x σ(1.702 x), elementwise, σ being the logistic function: the approximation of GELU that CLIP has.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, quickGelu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = await quickGelu(Tensor.from(gpu, Float32Array.of(0, 1), [2])).read();
 * assert.ok(y[0] === 0 && Math.abs(y[1]! - 0.845796) < 1e-5);
 * gpu.destroy();
 * ```
 */
export const quickGelu = unary(unaryKernel("quick_gelu", quickGelu_, sigmoid));
/**
 * x σ(x), elementwise, σ being the logistic function.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, silu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = await silu(Tensor.from(gpu, Float32Array.of(0, 1), [2])).read();
 * assert.ok(y[0] === 0 && Math.abs(y[1]! - 0.731059) < 1e-5);
 * gpu.destroy();
 * ```
 */
export const silu = unary(unaryKernel("silu", silu_, sigmoid));

/** The gradient of relu from its argument or its result, which give the same; outside the tape. */
export function reluGrad(xOrY: Tensor, dy: Tensor): Tensor {
  return unaryGrad(reluKernel, xOrY, dy);
}

/** The gradient of gelu from its argument, outside the tape. */
export function geluGrad(x: Tensor, dy: Tensor): Tensor {
  return unaryGrad(geluKernel, x, dy);
}

const affineKernel = unaryKernel("affine", affine_);

/**
 * factor · x + shift, elementwise.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { affine, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = affine(Tensor.from(gpu, Float32Array.of(1, 2), [2]), 3, 0.5);
 * assert.deepEqual(await y.read(), Float32Array.of(3.5, 6.5));
 * gpu.destroy();
 * ```
 */
export function affine(x: Tensor, factor: number, shift: number): Tensor {
  const y = mapUnary(affineKernel, x, { a: factor, b: shift });
  return record(y, [x], [], (dy) => [scale(dy, factor)]);
}

/**
 * factor · x, elementwise.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, scale, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = scale(Tensor.from(gpu, Float32Array.of(1, 2), [2]), 3);
 * assert.deepEqual(await y.read(), Float32Array.of(3, 6));
 * gpu.destroy();
 * ```
 */
export function scale(x: Tensor, factor: number): Tensor {
  return affine(x, factor, 0);
}

/**
 * −x, elementwise.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, neg, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = neg(Tensor.from(gpu, Float32Array.of(1, -2), [2]));
 * assert.deepEqual(await y.read(), Float32Array.of(-1, 2));
 * gpu.destroy();
 * ```
 */
export function neg(x: Tensor): Tensor {
  return affine(x, -1, 0);
}
