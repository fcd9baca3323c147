/** The operators of ONNX that models are made of, as functions of values. */
import type { Attribute, ElementType, FloatType, Value } from "./graph.ts";

/** Numbers of the standard for the types that casts lead to, `TensorProto.DataType`. */
export const TYPE_NUMBER: Readonly<Record<ElementType, number>> = {
  float32: 1,
  uint8: 2,
  int64: 7,
  bool: 9,
  float16: 10,
};

/** Applies an operator whose inputs must be of one type: the standard casts nothing by itself. */
function applyToOneType(
  operator: string,
  inputs: readonly [Value, ...Value[]],
  attributes: Readonly<Record<string, Attribute>> = {},
  type?: ElementType,
): Value {
  const [first, ...others] = inputs;
  const other = others.find((one) => one.type !== first.type);
  if (other !== undefined) {
    throw new TypeError(
      `Cannot apply ${operator} to ${first.name} of ${first.type} and ${other.name} of ${other.type}`,
    );
  }
  return first.graph.apply(operator, inputs, attributes, type);
}

const binary = (operator: string) => (a: Value, b: Value) => applyToOneType(operator, [a, b]);
const unary = (operator: string, attributes: Record<string, Attribute> = {}) => (x: Value) =>
  x.graph.apply(operator, [x], attributes);

/** Elementwise; shapes are broadcast as numpy does. */
export const add = binary("Add");
export const subtract = binary("Sub");
export const multiply = binary("Mul");
export const divide = binary("Div");
/** The product of the last two axes. */
export const matmul = binary("MatMul");
export const relu = unary("Relu");
/** The natural logarithm. */
export const log = unary("Log");
/** x Φ(x), with the error function itself. */
export const gelu = unary("Gelu");
/** The same with a hyperbolic tangent in place of the error function. */
export const geluTanh = unary("Gelu", { approximate: { text: "tanh" } });
export const tanh = unary("Tanh");
export const cos = unary("Cos");
export const sin = unary("Sin");
/** 1 / (1 + e^-x). */
export const sigmoid = unary("Sigmoid");
/** x sigmoid(x), and x sigmoid(1.702 x). */
export const silu = (x: Value) => multiply(x, sigmoid(x));
export const quickGelu = (x: Value) => multiply(x, sigmoid(multiply(x, scalar(1.702, x))));
/** To unit length, along the last axis. */
export const l2Normalize = unary("LpNormalization", { axis: -1, p: 2 });
/** Along the last axis. */
export const softmax = unary("Softmax", { axis: -1 });

/** One number of the type of `like`. */
export function scalar(value: number, like: Value): Value {
  return like.graph.constant([value], like.type as FloatType | "int64", []);
}

/** The same in another type; x itself where it is of that type. */
export function cast(x: Value, type: ElementType): Value {
  return x.type === type ? x : x.graph.apply("Cast", [x], { to: TYPE_NUMBER[type] }, type);
}

/** In the shape of `sizes`, where 0 is the size that x has there and -1 what is left. */
export function reshape(x: Value, sizes: readonly number[]): Value {
  return x.graph.apply("Reshape", [x, x.graph.constant(sizes, "int64")]);
}

/** Axis i of the result is axis `order[i]` of x. */
export function transpose(x: Value, order: readonly number[]): Value {
  return x.graph.apply("Transpose", [x], { perm: order });
}

/** What lies from `begin` up to `end` along an axis; both [1] and int64 where they are values. */
export function slice(x: Value, axis: number, begin: number, end: number | Value): Value {
  const { graph } = x;
  const at = (place: number | Value) => typeof place === "number" ? graph.constant([place], "int64") : place;
  return graph.apply("Slice", [x, at(begin), at(end), at(axis)]);
}

/** The size of one axis, int64 [1]. */
export function sizeOf(x: Value, axis: number): Value {
  return x.graph.apply("Shape", [x], { start: axis, end: axis + 1 }, "int64");
}

/** The numbers 0, 1, … below a count, int64; the count is [1]. */
export function range(count: Value): Value {
  const { graph } = count;
  const scalar = graph.apply("Squeeze", [count]);
  return graph.apply("Range", [graph.constant([0], "int64", []), scalar, graph.constant([1], "int64", [])]);
}

export function concat(values: readonly Value[], axis: number): Value {
  const [first, ...others] = values as [Value, ...Value[]];
  return applyToOneType("Concat", [first, ...others], { axis });
}

/** The rows of a table [rows, width] with these numbers: [...ids, width]. */
export function gather(table: Value, ids: Value): Value {
  return table.graph.apply("Gather", [table, ids], { axis: 0 });
}

/** The element of x with the given number along an axis, in place of each; ids have the shape of the result. */
export function gatherElements(x: Value, ids: Value, axis: number): Value {
  return x.graph.apply("GatherElements", [x, ids], { axis });
}

/** x of one size repeated so that it fills a shape, int64 [axes]. */
export function expand(x: Value, shape: Value): Value {
  return x.graph.apply("Expand", [x, shape]);
}

/** `yes` where the condition holds, else `no`. */
export function where(condition: Value, yes: Value, no: Value): Value {
  return condition.graph.apply("Where", [condition, yes, no], {}, yes.type);
}

/** Whether a is b, and whether it is at least b, element by element. */
export const equal = (a: Value, b: Value) => applyToOneType("Equal", [a, b], {}, "bool");
export const atLeast = (a: Value, b: Value) => applyToOneType("GreaterOrEqual", [a, b], {}, "bool");

/** The sum and the mean along an axis, which goes unless it is to be kept, of size 1. */
export const sum = (x: Value, axis: number, keep = false) => reduce("ReduceSum", x, axis, keep);
export const mean = (x: Value, axis: number, keep = false) => reduce("ReduceMean", x, axis, keep);

function reduce(operator: string, x: Value, axis: number, keep: boolean): Value {
  return x.graph.apply(operator, [x, x.graph.constant([axis], "int64")], { keepdims: Number(keep) });
}

/** The place of the largest along an axis, the first of equals, int64; the axis stays, of size 1. */
export function argmax(x: Value, axis: number): Value {
  return x.graph.apply("ArgMax", [x], { axis, keepdims: 1 }, "int64");
}

/** Sums of x along an axis up to and with each place. */
export function cumulativeSum(x: Value, axis: number): Value {
  return x.graph.apply("CumSum", [x, x.graph.constant([axis], "int64", [])]);
}

/** Normalises the last axis, then gain and shift [width], if there is one; sums are f32 whatever the type. */
export function layerNorm(x: Value, gain: Value, shift: Value | undefined, epsilon: number): Value {
  return applyToOneType("LayerNormalization", shift ? [x, gain, shift] : [x, gain], {
    axis: -1,
    epsilon: { real: epsilon },
  });
}

/** (x - mean) / √(variance + epsilon) · gain + shift for each channel of x [batch, channels, ..]; all four are [channels]. */
export function batchNorm(
  x: Value,
  { gain, shift, mean, variance }: Readonly<Record<"gain" | "shift" | "mean" | "variance", Value>>,
  epsilon: number,
): Value {
  return applyToOneType("BatchNormalization", [x, gain, shift, mean, variance], {
    epsilon: { real: epsilon },
  });
}

/** The windows of convolutions and pooling, the same in both directions. */
export interface WindowAttributes {
  readonly stride: number;
  readonly padding: number;
}

const windowed = (kernel: number, { stride, padding }: WindowAttributes) => ({
  kernel_shape: [kernel, kernel],
  strides: [stride, stride],
  pads: [padding, padding, padding, padding],
});

/** Maps [batch, inputs, height, width] by a weight [outputs, inputs / groups, kernel, kernel], the kernel being a square. */
export function convolve(
  x: Value,
  weight: { readonly value: Value; readonly kernel: number },
  bias: Value | undefined,
  { groups, ...windows }: WindowAttributes & { readonly groups: number },
): Value {
  const inputs = [x, weight.value, ...(bias ? [bias] : [])] as const;
  return applyToOneType("Conv", inputs, { ...windowed(weight.kernel, windows), group: groups });
}

/** The largest of each window of maps [batch, channels, height, width]; what is padded does not take part. */
export function maxPool(x: Value, kernel: number, windows: WindowAttributes): Value {
  return x.graph.apply("MaxPool", [x], windowed(kernel, windows));
}

/** The mean of each window, in which padded zeros count. */
export function averagePool(x: Value, kernel: number, windows: WindowAttributes): Value {
  return x.graph.apply("AveragePool", [x], { ...windowed(kernel, windows), count_include_pad: 1 });
}

/** The mean over all places of maps [batch, channels, height, width]: [batch, channels, 1, 1]. */
export const globalAveragePool = unary("GlobalAveragePool");

/** Squares of images [batch, channels, height, width] against kernels [width, channels, patch, patch], without overlap. */
export function convolvePatches(x: Value, kernels: Value, bias: Value | undefined, patch: number): Value {
  return applyToOneType("Conv", bias ? [x, kernels, bias] : [x, kernels], {
    kernel_shape: [patch, patch],
    strides: [patch, patch],
  });
}
