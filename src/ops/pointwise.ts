/** Pointwise ops: functions of one tensor, arithmetic of two with broadcasting, fills and copies. */
import { defineKernel, type KernelSource } from "../gpu/kernel.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { broadcastShapes, sameShape, type Shape, showShape, sizeOf } from "../tensor/shape.ts";
import { needsGrad, record, refuseGrad } from "../tensor/tape.ts";
import { type DType, Tensor } from "../tensor/tensor.ts";
import { collapse } from "./broadcast.ts";
import { cast } from "./cast.ts";
import { type Float, floatOf, mustBe } from "./check.ts";
import { sumTo } from "./reduction.ts";
import { windows } from "./binding_ranges.ts";
import add_ from "../../wgsl/pointwise/add.wgsl" with { type: "text" };
import affine_ from "../../wgsl/pointwise/affine.wgsl" with { type: "text" };
import binary_ from "../../wgsl/pointwise/binary.wgsl" with { type: "text" };
import div_ from "../../wgsl/pointwise/div.wgsl" with { type: "text" };
import equal_ from "../../wgsl/pointwise/equal.wgsl" with { type: "text" };
import exp_ from "../../wgsl/pointwise/exp.wgsl" with { type: "text" };
import fill_ from "../../wgsl/pointwise/fill.wgsl" with { type: "text" };
import gelu_ from "../../wgsl/pointwise/gelu.wgsl" with { type: "text" };
import geluLibrary from "../../wgsl/lib/gelu.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import log_ from "../../wgsl/pointwise/log.wgsl" with { type: "text" };
import mul_ from "../../wgsl/pointwise/mul.wgsl" with { type: "text" };
import relu_ from "../../wgsl/pointwise/relu.wgsl" with { type: "text" };
import sqrt_ from "../../wgsl/pointwise/sqrt.wgsl" with { type: "text" };
import strided from "../../wgsl/lib/strided.wgsl" with { type: "text" };
import sub_ from "../../wgsl/pointwise/sub.wgsl" with { type: "text" };
import tanh_ from "../../wgsl/pointwise/tanh.wgsl" with { type: "text" };
import unary_ from "../../wgsl/pointwise/unary.wgsl" with { type: "text" };

/** Groups of four elements. */
const vectorsOf = ({ size }: Tensor) => Math.ceil(size / 4);

const unaryKernel = (name: string, ...files: readonly string[]) =>
  defineKernel(name, [unary_, grid, ...files], ["x", "dy"]);

/** op(x); `coefficients` are the a and b of an op that has some. */
function mapUnary(kernel: KernelSource, x: Tensor, coefficients?: { a: number; b: number }): Tensor {
  const dtype = floatOf(kernel.label, x);
  const y = Tensor.empty(x.gpu, x.shape, dtype, needsGrad(x));
  const vectors = vectorsOf(x);
  x.gpu.dispatch({
    kernel,
    entry: "forward",
    buffers: { x, y },
    params: { vectors, ...coefficients },
    invocations: vectors,
    constants: { Elem: dtype },
  });
  return y;
}

/** dx of a unary op from its argument and dy, outside the tape. */
function unaryGrad(kernel: KernelSource, x: Tensor, dy: Tensor): Tensor {
  const dtype = floatOf(`differentiate ${kernel.label} of`, x, dy);
  const dx = Tensor.empty(x.gpu, x.shape, dtype);
  const vectors = vectorsOf(x);
  x.gpu.dispatch({
    kernel,
    entry: "backward",
    buffers: { x, dy, dx },
    params: { vectors },
    invocations: vectors,
    constants: { Elem: dtype },
  });
  return dx;
}

function unary(kernel: KernelSource): (x: Tensor) => Tensor {
  return (x) => record(mapUnary(kernel, x), [x], [x], (dy) => [unaryGrad(kernel, x, dy)]);
}

const reluKernel = unaryKernel("relu", relu_);
const geluKernel = unaryKernel("gelu", gelu_, geluLibrary);

/** e^x, elementwise. */
export const exp = unary(unaryKernel("exp", exp_));
/** The natural logarithm, elementwise. */
export const log = unary(unaryKernel("log", log_));
/** The square root, elementwise. */
export const sqrt = unary(unaryKernel("sqrt", sqrt_));
/** The hyperbolic tangent, elementwise. */
export const tanh = unary(unaryKernel("tanh", tanh_));
/** max(x, 0), elementwise. */
export const relu = unary(reluKernel);
/** x Φ(x) with the exact normal distribution function (erf), elementwise. */
export const gelu = unary(geluKernel);

/** The gradient of relu from its argument or, as well, from its result. Outside the tape. */
export function reluGrad(xOrY: Tensor, dy: Tensor): Tensor {
  return unaryGrad(reluKernel, xOrY, dy);
}

/** The gradient of gelu from its argument. Outside the tape. */
export function geluGrad(x: Tensor, dy: Tensor): Tensor {
  return unaryGrad(geluKernel, x, dy);
}

const affineKernel = unaryKernel("affine", affine_);

/** factor · x + shift, elementwise. */
export function affine(x: Tensor, factor: number, shift: number): Tensor {
  const y = mapUnary(affineKernel, x, { a: factor, b: shift });
  return record(y, [x], [], (dy) => [scale(dy, factor)]);
}

/** factor · x. */
export function scale(x: Tensor, factor: number): Tensor {
  return affine(x, factor, 0);
}

/** −x. */
export function neg(x: Tensor): Tensor {
  return affine(x, -1, 0);
}

const halvesKernel = defineKernel("halves", [unary_, grid, affine_]);

/** Twice each of the halves that a u32 tensor holds two to a word: the check that an adapter's f16 works. */
export function doubleHalves(x: Tensor): Tensor {
  mustBe("u32", "double the halves of", x);
  const y = Tensor.empty(x.gpu, x.shape, "u32");
  const vectors = Math.ceil(x.size / 2);
  x.gpu.dispatch({
    kernel: halvesKernel,
    entry: "forward",
    buffers: { x, y },
    params: { vectors, a: 2, b: 0 },
    invocations: vectors,
    constants: { Elem: "f16" },
  });
  return y;
}

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
 * The values of `op(a, b)`; `grads` gives those of the gradients before they are summed to the inputs' shapes. `mixed`
 * allows an f32 b beside an f16 a: the result is f16, the gradient of b f32.
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
      invocations: vectorsOf(y),
      constants,
    });
  } else if (sameShape(a.shape, shape) && repeatsWhole(b.shape, shape) && b.size % 4 === 0) {
    a.gpu.dispatch({
      kernel,
      entry: "repeat",
      buffers: { a4: a, b4: b, y4: y },
      params: { count: y.size, count_b: b.size },
      invocations: vectorsOf(y),
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

/** a + b, broadcast. To an f16 a an f32 b may be added, as learned positions are: the result is f16. */
export function add(a: Tensor, b: Tensor): Tensor {
  return binary(addKernel, a, b, [], [(dy) => dy, (dy) => dy], true);
}

/** a − b, broadcast. */
export function sub(a: Tensor, b: Tensor): Tensor {
  return binary(subKernel, a, b, [], [(dy) => dy, neg]);
}

/** a · b elementwise, broadcast. */
export function mul(a: Tensor, b: Tensor): Tensor {
  return binary(mulKernel, a, b, [a, b], [(dy) => mul(dy, b), (dy) => mul(dy, a)]);
}

/** a / b elementwise, broadcast. */
export function div(a: Tensor, b: Tensor): Tensor {
  return binary(divKernel, a, b, [a, b], [
    (dy) => div(dy, b),
    (dy) => neg(div(mul(dy, a), mul(b, b))),
  ]);
}

const equalKernel = binaryKernel("equal", equal_);

/** 1 where a = b, else 0, broadcast. Has no gradient. */
export function equal(a: Tensor, b: Tensor): Tensor {
  refuseGrad("equal", a, b);
  return binary(equalKernel, a, b, [], []);
}

/** x repeated to a shape it broadcasts to; f32 may become f16 on the way. */
export function expand(x: Tensor, shape: Shape, dtype: Float = floatOf("expand", x)): Tensor {
  return sameShape(x.shape, shape) ? cast(x, dtype) : add(full(x.gpu, shape, 0, dtype), x);
}

const fillKernel = defineKernel("fill", [fill_, grid]);

/** A tensor of one value. */
export function full(gpu: Gpu, shape: Shape, value: number, dtype: Float | "u32" = "f32"): Tensor {
  const tensor = Tensor.empty(gpu, shape, dtype);
  fill(tensor, value);
  return tensor;
}

/** Overwrites every element in place, however many: for buffers that outlive a step, such as gradients. */
export function fill(tensor: Tensor, value: number): void {
  const word = wordOf(tensor.dtype, value);
  for (const y of windows(tensor)) {
    const vectors = Math.ceil(y.bytes / 16);
    tensor.gpu.dispatch({
      kernel: fillKernel,
      entry: "fill",
      buffers: { y },
      params: { vectors, word },
      invocations: vectors,
    });
  }
}

/** The word that a value fills, alone or as two halves. */
function wordOf(dtype: DType, value: number): number {
  if (dtype === "f32") return new Uint32Array(Float32Array.of(value).buffer)[0]!;
  return dtype === "f16" ? new Uint32Array(Float16Array.of(value, value).buffer)[0]! : value;
}

/** The same values, however many, in memory of their own, outside the tape. */
export function copy(from: Tensor): Tensor {
  const to = Tensor.empty(from.gpu, from.shape, from.dtype);
  const targets = windows(to);
  for (const [i, x] of windows(from).entries()) {
    const vectors = Math.ceil(x.bytes / 16);
    from.gpu.dispatch({
      kernel: fillKernel,
      entry: "copy",
      buffers: { x, y: targets[i]! },
      params: { vectors },
      invocations: vectors,
    });
  }
  return to;
}

/** into += addend, in place, however large, outside the tape. */
export function accumulate(into: Tensor, addend: Tensor): void {
  const dtype = floatOf("accumulate", into, addend);
  if (into.size !== addend.size) {
    throw new TypeError(`Cannot add ${showShape(addend.shape)} into ${showShape(into.shape)}: sizes differ`);
  }
  const addends = windows(addend);
  for (const [i, sum4] of windows(into).entries()) {
    const count = sum4.bytes / (dtype === "f32" ? 4 : 2);
    into.gpu.dispatch({
      kernel: addKernel,
      entry: "accumulate",
      buffers: { sum4, b4: addends[i]! },
      params: { count },
      invocations: Math.ceil(count / 4),
      constants: { Elem: dtype, ElemB: dtype },
      work: () => ({ bytes: 3 * sum4.bytes }),
    });
  }
}
