/** Matrix products, and the linear layer with its activation fused into the product. */
import { sameShape, showShape, sizeOf } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type ActivationName, ACTIVATIONS } from "./activations.ts";
import { add } from "./arithmetic.ts";
import { cast } from "./cast.ts";
import { type Float, floatOf, mustBe } from "./check.ts";
import { gemm } from "./gemm.ts";
import { full } from "./fill.ts";
import { gelu, geluGrad, reluGrad } from "./pointwise.ts";
import { sumTo, viewAs } from "./reduction.ts";

export interface MatmulOptions {
  /** True: a is stored as [.., k, m]. */
  readonly transposeA?: boolean;
  /** True: b is stored as [.., n, k]. */
  readonly transposeB?: boolean;
  /** Element type of the result; that of a and b if not given. */
  readonly result?: Float;
}

function dimensions(a: Tensor, b: Tensor, { transposeA = false, transposeB = false }: MatmulOptions) {
  if (a.rank < 2 || b.rank < 2) {
    throw new TypeError(
      `Cannot multiply ${showShape(a.shape)} by ${showShape(b.shape)}: both need two dimensions`,
    );
  }
  const [rowsA, columnsA] = a.shape.slice(-2) as [number, number];
  const [rowsB, columnsB] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const [inner, n] = transposeB ? [columnsB, rowsB] : [rowsB, columnsB];
  if (k !== inner) {
    throw new TypeError(
      `Cannot multiply ${showShape(a.shape)} by ${
        showShape(b.shape)
      }: inner dimensions are ${k} and ${inner}`,
    );
  }
  const leading = a.shape.slice(0, -2);
  if (b.rank > 2 && !sameShape(leading, b.shape.slice(0, -2))) {
    throw new TypeError(
      `Cannot multiply ${showShape(a.shape)} by ${
        showShape(b.shape)
      }: leading dimensions differ, and b has some`,
    );
  }
  return { m, n, k, leading };
}

/**
 * a · b over the last two dimensions: [.., m, k] by [.., k, n] gives [.., m, n]. The leading dimensions are equal, or b
 * has none and serves all. Both are f32 or both f16; sums are f32. Throws TypeError for other shapes or types.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, matmul, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const a = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4), [2, 2]);
 * const b = Tensor.from(gpu, Float32Array.of(1, 0, 1, 1), [2, 2]);
 * assert.deepEqual(await matmul(a, b).read(), Float32Array.of(3, 2, 7, 4));
 * assert.deepEqual(await matmul(a, b, { transposeB: true }).read(), Float32Array.of(1, 3, 3, 7));
 * gpu.destroy();
 * ```
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const dtype = floatOf("multiply", a, b);
  const { transposeA = false, transposeB = false, result = dtype } = options;
  const { m: rows, n, k, leading } = dimensions(a, b, options);
  // One b for many a that lie row by row is one tall product.
  const tall = b.rank === 2 && !transposeA;
  const m = tall ? rows * sizeOf(leading) : rows;
  const batch = tall ? 1 : sizeOf(leading);
  const sharedB = b.rank === 2;
  const product = gemm(a, b, { m, n, k, batch, transposeA, transposeB, sharedB, result });
  const c = product.view([...leading, rows, n], { requiresGrad: needsGrad(a, b) });
  return record(c, [a, b], [a, b], (dy, needed) => {
    const dc = cast(dy, dtype);
    const da = needed[0] &&
      (transposeA
        ? gemm(b, dc, { m: k, n: m, k: n, batch, sharedA: sharedB, transposeA: transposeB, transposeB: true })
        : gemm(dc, b, { m, n: k, k: n, batch, sharedB, transposeB: !transposeB }));
    const db = needed[1] &&
      (transposeB
        ? gemm(dc, a, { m: n, n: k, k: m, batch, transposeA: true, transposeB: transposeA })
        : gemm(a, dc, { m: k, n, k: m, batch, transposeA: !transposeA }));
    return [
      da ? da.view(a.shape) : undefined,
      db ? (sharedB ? sumTo(db, [1, ...db.shape.slice(1)]) : db).view(b.shape) : undefined,
    ];
  });
}

export type Activation = "none" | ActivationName;

export interface LayerOptions {
  /** Element type of the result; that of x if not given. */
  readonly result?: Float;
  /** Added to the result, of whose shape and type it is. */
  readonly residual?: Tensor | undefined;
  /** h where x is gelu(h), as `linearGelu` gives them: the gradient goes to h, and none to x. For layers without activation. */
  readonly geluOf?: Tensor | undefined;
}

/** The activations that the kernel of the product applies. */
type Fused = "none" | "relu" | "gelu";
const isFused = (activation: Activation): activation is Fused =>
  activation === "none" || activation === "relu" || activation === "gelu";

/**
 * activation(x · weightᵀ + bias): x [.., inputs], weight [outputs, inputs], bias [outputs] give [.., outputs]. All
 * dimensions of the weight but the first count as one, as those of a convolution's. The bias, and relu and gelu after it, are
 * applied in the kernel of the product; other activations in one of their own. A `residual` is added to the result, on GPUs in
 * the kernel of the product too. x and weight are both f32 or both f16, bias is f32; the result is of the type of x if none is
 * given, the gradients of weight and bias are f32. Throws TypeError for other shapes or types.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, linear, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2), [1, 2]);
 * const weight = Tensor.from(gpu, Float32Array.of(1, 1, 1, -1), [2, 2]);
 * const bias = Tensor.from(gpu, Float32Array.of(0.5, 0.5), [2]);
 * assert.deepEqual(await linear(x, weight, bias, "relu").read(), Float32Array.of(3.5, 0));
 * gpu.destroy();
 * ```
 */
export function linear(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  activation: Activation = "none",
  { result, residual, geluOf }: LayerOptions = {},
): Tensor {
  const { dtype, m, inputs, outputs, shape } = sizesOfLinear(x, weight, bias);
  if (!bias && activation !== "none") {
    throw new TypeError(`Cannot fuse ${activation} into a linear layer without a bias: apply it separately`);
  }
  const type = result ?? dtype;
  // Processors add it in a pass of its own: see feed_forward.ts.
  const fusesResidual = x.gpu.adapterClass === "gpu" && bias && activation === "none" && outputs % 4 === 0;
  if (residual && !fusesResidual) {
    return add(residual, linear(x, weight, bias, activation, { result: type, geluOf }));
  }
  if (!isFused(activation)) return ACTIVATIONS[activation](linear(x, weight, bias, "none", { result: type }));
  if (residual && !(sameShape(residual.shape, shape) && residual.dtype === type)) {
    throw new TypeError(
      `Cannot add ${residual.dtype} ${showShape(residual.shape)} to ${type} ${showShape(shape)}: they differ`,
    );
  }
  const differentiate = needsGrad(geluOf ?? x, weight, bias, residual);
  if (activation === "gelu" && differentiate) {
    // Results whose rows are no whole vec4s cannot keep the argument of gelu, so there the activation is an op of its own.
    if (outputs % 4 !== 0) return gelu(linear(x, weight, bias, "none", { result: type }));
    const { h, y } = linearGelu(x, weight, bias!, type);
    return record(y.view(shape, { requiresGrad: true }), [h], [h], (dy) => [geluGrad(h, dy)]);
  }
  const epilogue = !bias
    ? "none"
    : activation !== "none"
    ? `bias_${activation}` as const
    : residual
    ? "bias_residual"
    : "bias";
  const y = gemm(x, weight, {
    ...{ m, n: outputs, k: inputs, transposeB: true, result: type, epilogue },
    ...(bias && { bias }),
    ...(residual && { residual }),
  }).view(shape, { requiresGrad: differentiate });
  const isRelu = activation === "relu";
  return record(
    y,
    [geluOf ?? x, weight, ...(bias ? [bias] : []), ...(residual ? [residual] : [])],
    [x, weight, ...(isRelu ? [y] : []), ...(geluOf ? [geluOf] : [])],
    (dy, needed, sinks) => {
      const own = gradientsOfLinear(isRelu ? reluGrad(y, dy) : dy, x, weight, bias, needed, sinks, geluOf);
      return residual ? [...own, dy] : own;
    },
  );
}

/** The sizes of a linear layer. Throws TypeError where x, weight and bias do not go together. */
function sizesOfLinear(x: Tensor, weight: Tensor, bias: Tensor | undefined) {
  const dtype = floatOf("apply a linear layer to", x, weight);
  if (bias) mustBe("f32", "add a bias of", bias);
  const outputs = weight.shape[0]!;
  const inputs = sizeOf(weight.shape.slice(1));
  if (weight.rank < 2 || x.shape.at(-1) !== inputs) {
    throw new TypeError(
      `Cannot apply a linear layer of ${showShape(weight.shape)} to ${showShape(x.shape)}: ` +
        `it takes ${inputs} inputs, the last dimension is ${x.shape.at(-1)}`,
    );
  }
  if (bias && !sameShape(bias.shape, [outputs])) {
    throw new TypeError(`Cannot add a bias of ${showShape(bias.shape)} to ${outputs} outputs: shapes differ`);
  }
  return { dtype, m: x.size / inputs, inputs, outputs, shape: [...x.shape.slice(0, -1), outputs] };
}

/**
 * h = x · weightᵀ + bias, and y = gelu(h) from the same product: the tape knows h alone, y is for ops that give h its gradient.
 * For rows of whole vec4s; both are of the type of x if none is given.
 */
export function linearGelu(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  type?: Float,
): { readonly h: Tensor; readonly y: Tensor } {
  const { dtype, m, inputs, outputs, shape } = sizesOfLinear(x, weight, bias);
  const result = type ?? dtype;
  const h = Tensor.empty(x.gpu, shape, result, needsGrad(x, weight, bias));
  const y = gemm(x, weight, {
    ...{ m, n: outputs, k: inputs, transposeB: true, result, epilogue: "bias_gelu_saved", bias, h },
  });
  record(
    h,
    [x, weight, bias],
    [x, weight],
    (dh, needed, sinks) => gradientsOfLinear(dh, x, weight, bias, needed, sinks),
  );
  return { h, y: y.view(shape) };
}

/**
 * The gradients of x, weight and, if there is one, bias from dy, that of x · weightᵀ + bias; where x is gelu(h), the first is
 * that of h.
 */
function gradientsOfLinear(
  dy: Tensor,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  needed: readonly boolean[],
  sinks: readonly (Tensor | undefined)[],
  h?: Tensor,
): (Tensor | undefined)[] {
  const { dtype, m, inputs, outputs } = sizesOfLinear(x, weight, bias);
  const operand = cast(dy, dtype);
  // The product for the gradient of the weight reads what that of the bias is the sum of, and adds it up on the way.
  const rowSums = bias && needed[1] && needed[2] && dy === operand
    ? sinks[2] ?? full(x.gpu, [outputs], 0)
    : undefined;
  const through = h ? { epilogue: "gelu_grad", h } as const : { into: sinks[0] };
  return [
    needed[0] ? viewAs(gemm(operand, weight, { m, n: inputs, k: outputs, ...through }), x.shape) : undefined,
    needed[1] ? viewAs(gradientOfWeight(operand, x, weight, sinks[1], rowSums), weight.shape) : undefined,
    ...(bias
      ? [needed[2] ? rowSums ?? sumTo(dy.view([m, outputs]), [outputs], sinks[2], "f32") : undefined]
      : []),
  ];
}

/** dhᵀ · x in f32, added to `into` where there is one; the sums of dh over its rows are added to `rowSums`. */
function gradientOfWeight(
  dh: Tensor,
  x: Tensor,
  weight: Tensor,
  into: Tensor | undefined,
  rowSums: Tensor | undefined,
): Tensor {
  const m = weight.shape[0]!;
  const n = weight.size / m;
  return gemm(dh, x, { m, n, k: x.size / n, transposeA: true, result: "f32", into, rowSums });
}
