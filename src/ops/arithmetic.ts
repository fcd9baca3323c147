/** Arithmetic of two tensors, elementwise, with broadcasting. */
import { defineKernel, type KernelSource } from "../gpu/kernel.ts";
import { broadcastShapes, sameShape, type Shape, showShape, sizeOf } from "../tensor/shape.ts";
import { needsGrad, record, refuseGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { bindingRanges } from "./binding_ranges.ts";
import { collapse } from "./broadcast.ts";
import { cast } from "./cast.ts";
import { type Float, floatOf } from "./check.ts";
import { full } from "./fill.ts";
import { packsOf } from "./packs.ts";
import { neg } from "./pointwise.ts";
import { sumTo } from "./reduction.ts";
import add_ from "../../wgsl/pointwise/add.wgsl" with { type: "text" };
import binary_ from "../../wgsl/pointwise/binary.wgsl" with { type: "text" };
import div_ from "../../wgsl/pointwise/div.wgsl" with { type: "text" };
import equal_ from "../../wgsl/pointwise/equal.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import less_ from "../../wgsl/pointwise/less.wgsl" with { type: "text" };
import mul_ from "../../wgsl/pointwise/mul.wgsl" with { type: "text" };
import strided from "../../wgsl/lib/strided.wgsl" with { type: "text" };
import sub_ from "../../wgsl/pointwise/sub.wgsl" with { type: "text" };

const binaryKernel = (name: string, op: string) =>
  defineKernel(name, [binary_, grid, strided, op], ["a4", "b4"]);
const addKernel = binaryKernel("add", add_);
const subKernel = binaryKernel("sub", sub_);
const mulKernel = binaryKernel("mul", mul_);
const divKernel = binaryKernel("div", div_);

/** True when a tensor becomes one of `shape` by being repeated as a whole, over leading dimensions. */
function repeatsWhole(own: Shape, shape: Shape): boolean {
  const inner = own.slice(own.findIndex((size) => size !== 1));
  return sizeOf(own) > 1 && sameShape(inner, shape.slice(shape.length - inner.length));
}

/**
 * op(a, b), broadcast. `grads` give the gradients of a and b in the shape of the result; they are then summed to the
 * shapes of a and b. `mixed` allows an f32 b beside an f16 a: the result is f16, the gradient of b f32.
 */
function binary(
  kernel: KernelSource,
  a: Tensor,
  b: Tensor,
  saved: readonly Tensor[],
  grads: readonly ((dy: Tensor) => Tensor)[],
  mixed = false,
): Tensor {
  const isMixed = mixed && a.dtype === "f16" && b.dtype === "f32";
  const dtype = isMixed ? "f16" : floatOf(kernel.label, a, b);
  const shape = broadcastShapes(a.shape, b.shape);
  const y = Tensor.empty(a.gpu, shape, dtype, needsGrad(a, b));
  const constants = { Elem: dtype, ElemB: b.dtype };
  if (sameShape(a.shape, b.shape)) {
    a.gpu.dispatch({
      kernel,
      entry: "same",
      buffers: { a4: a, b4: b, y4: y },
      params: { count: y.size },
      invocations: packsOf(y.size),
      constants,
    });
  } else if (sameShape(a.shape, shape) && repeatsWhole(b.shape, shape) && b.size % 4 === 0) {
    a.gpu.dispatch({
      kernel,
      entry: "repeat",
      buffers: { a4: a, b4: b, y4: y },
      params: { count: y.size, count_b: b.size },
      invocations: packsOf(y.size),
      constants,
    });
  } else {
    const { dims: [, d1, d2, d3], strides: [sa, sb] } = collapse(shape, [a.shape, b.shape]);
    const [sa0, sa1, sa2, sa3] = sa!;
    const [sb0, sb1, sb2, sb3] = sb!;
    a.gpu.dispatch({
      kernel,
      entry: "broadcast",
      buffers: { a, b, y },
      params: { count: y.size, d1, d2, d3, sa0, sa1, sa2, sa3, sb0, sb1, sb2, sb3 },
      invocations: y.size,
      constants,
    });
  }
  return record(y, [a, b], saved, (dy, needed, sinks) => [
    needed[0] ? sumTo(grads[0]!(dy), a.shape, sinks[0]) : undefined,
    needed[1] ? sumTo(grads[1]!(dy), b.shape, sinks[1], isMixed ? "f32" : dtype) : undefined,
  ]);
}

/**
 * a + b, elementwise, broadcast. An f32 b, such as learned positions, may be added to an f16 a: the result is f16.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { add, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const a = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4), [2, 2]);
 * const b = Tensor.from(gpu, Float32Array.of(10, 20), [2]);
 * assert.deepEqual(await add(a, b).read(), Float32Array.of(11, 22, 13, 24));
 * gpu.destroy();
 * ```
 */
export function add(a: Tensor, b: Tensor): Tensor {
  return binary(addKernel, a, b, [], [(dy) => dy, (dy) => dy], true);
}

/**
 * a − b, elementwise, broadcast.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, sub, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const a = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4), [2, 2]);
 * const b = Tensor.from(gpu, Float32Array.of(10, 20), [2]);
 * assert.deepEqual(await sub(a, b).read(), Float32Array.of(-9, -18, -7, -16));
 * gpu.destroy();
 * ```
 */
export function sub(a: Tensor, b: Tensor): Tensor {
  return binary(subKernel, a, b, [], [(dy) => dy, neg]);
}

/**
 * a · b, elementwise, broadcast. An f16 a may be multiplied by an f32 b, such as learned factors: the result is f16.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, mul, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const a = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4), [2, 2]);
 * const b = Tensor.from(gpu, Float32Array.of(10, 20), [2]);
 * assert.deepEqual(await mul(a, b).read(), Float32Array.of(10, 40, 30, 80));
 * gpu.destroy();
 * ```
 */
export function mul(a: Tensor, b: Tensor): Tensor {
  // The gradient of b sums products, which in f16 would be rounded before.
  const factors = (dy: Tensor) => a.dtype === b.dtype ? mul(dy, a) : mul(cast(dy, "f32"), cast(a, "f32"));
  return binary(mulKernel, a, b, [a, b], [(dy) => mul(dy, b), factors], true);
}

/**
 * a / b, elementwise, broadcast.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { div, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const a = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4), [2, 2]);
 * const b = Tensor.from(gpu, Float32Array.of(2, 4), [2]);
 * assert.deepEqual(await div(a, b).read(), Float32Array.of(0.5, 0.5, 1.5, 1));
 * gpu.destroy();
 * ```
 */
export function div(a: Tensor, b: Tensor): Tensor {
  return binary(divKernel, a, b, [a, b], [
    (dy) => div(dy, b),
    (dy) => neg(div(mul(dy, a), mul(b, b))),
  ]);
}

const equalKernel = binaryKernel("equal", equal_);

/**
 * 1 where a = b, else 0, elementwise, broadcast. Throws TypeError where an input requires a gradient: there is none.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { equal, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const a = Tensor.from(gpu, Float32Array.of(1, 2, 3), [3]);
 * const b = Tensor.from(gpu, Float32Array.of(2), [1]);
 * assert.deepEqual(await equal(a, b).read(), Float32Array.of(0, 1, 0));
 * gpu.destroy();
 * ```
 */
export function equal(a: Tensor, b: Tensor): Tensor {
  refuseGrad("equal", a, b);
  return binary(equalKernel, a, b, [], []);
}

const lessKernel = binaryKernel("less", less_);

/**
 * 1 where a < b, else 0, elementwise, broadcast. Throws TypeError where an input requires a gradient: there is none.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, less, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const a = Tensor.from(gpu, Float32Array.of(1, 2, 3), [3]);
 * const b = Tensor.from(gpu, Float32Array.of(2), [1]);
 * assert.deepEqual(await less(a, b).read(), Float32Array.of(1, 0, 0));
 * gpu.destroy();
 * ```
 */
export function less(a: Tensor, b: Tensor): Tensor {
  refuseGrad("less", a, b);
  return binary(lessKernel, a, b, [], []);
}

/**
 * x repeated to a shape that it broadcasts to; f32 may become f16 on the way. Throws TypeError for any other shape.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { expand, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2), [2, 1]);
 * assert.deepEqual(await expand(x, [2, 3]).read(), Float32Array.of(1, 1, 1, 2, 2, 2));
 * gpu.destroy();
 * ```
 */
export function expand(x: Tensor, shape: Shape, dtype: Float = floatOf("expand", x)): Tensor {
  if (sameShape(x.shape, shape)) return cast(x, dtype);
  if (!sameShape(broadcastShapes(x.shape, shape), shape)) {
    throw new TypeError(`Cannot expand ${showShape(x.shape)} to ${showShape(shape)}: it would be larger`);
  }
  return add(full(x.gpu, shape, 0, dtype), x);
}

/** into += addend, in place and outside the tape, however large they are. Throws TypeError where types or sizes differ. */
export function accumulate(into: Tensor, addend: Tensor): void {
  const dtype = floatOf("accumulate", into, addend);
  if (into.size !== addend.size) {
    throw new TypeError(`Cannot add ${showShape(addend.shape)} into ${showShape(into.shape)}: sizes differ`);
  }
  const addends = bindingRanges(addend);
  for (const [i, sum4] of bindingRanges(into).entries()) {
    const count = sum4.bytes / (dtype === "f32" ? 4 : 2);
    into.gpu.dispatch({
      kernel: addKernel,
      entry: "accumulate",
      buffers: { sum4, b4: addends[i]! },
      params: { count },
      invocations: packsOf(count),
      constants: { Elem: dtype, ElemB: dtype },
      work: () => ({ bytes: 3 * sum4.bytes }),
    });
  }
}
