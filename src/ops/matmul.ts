/** Matrix products, and the linear layer with its activation fused into the product. */
import { sameShape, showShape, sizeOf } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type ActivationName, ACTIVATIONS } from "./activations.ts";
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

/** The activations that the kernel of the product applies. */
type Fused = "none" | "relu" | "gelu";
const isFused = (activation: Activation): activation is Fused =>
  activation === "none" || activation === "relu" || activation === "gelu";

/**
 * activation(x · weightᵀ + bias): x [.., inputs], weight [outputs, inputs], bias [outputs] give [.., outputs]. All
 * dimensions of the weight but the first count as one, as those of a convolution's. The bias, and relu and gelu after it, are
 * applied in the kernel of the product; other activations in one of their own. x and weight are both f32 or both f16, bias is f32; the result is of the type of x if none is
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
  { result }: { readonly result?: Float } = {},
): Tensor {
  const dtype = floatOf("apply a linear layer to", x, weight);
  if (bias) mustBe("f32", "add a bias of", bias);
  const [outputs, ...inner] = weight.shape;
  const inputs = sizeOf(inner);
  if (weight.rank < 2 || x.shape.at(-1) !== inputs) {
    throw new TypeError(
      `Cannot apply a linear layer of ${showShape(weight.shape)} to ${showShape(x.shape)}: ` +
        `it takes ${inputs} inputs, the last dimension is ${x.shape.at(-1)}`,
    );
  }
  if (bias && !sameShape(bias.shape, [outputs!])) {
    throw new TypeError(`Cannot add a bias of ${showShape(bias.shape)} to ${outputs} outputs: shapes differ`);
  }
  if (!bias && activation !== "none") {
    throw new TypeError(`Cannot fuse ${activation} into a linear layer without a bias: apply it separately`);
  }
  const type = result ?? dtype;
  if (!isFused(activation)) return ACTIVATIONS[activation](linear(x, weight, bias, "none", { result: type }));
  const m = x.size / inputs;
  const size = { m, n: outputs!, k: inputs, transposeB: true, result: type };
  const shape = [...x.shape.slice(0, -1), outputs!];
  const differentiate = needsGrad(x, weight, bias);
  const keepsInput = activation === "gelu" && differentiate;
  // Results whose rows are no whole vec4s cannot keep the argument of gelu, so there the activation is an op of its own.
  if (keepsInput && outputs! % 4 !== 0) return gelu(linear(x, weight, bias, "none", size));

  const h = keepsInput ? Tensor.empty(x.gpu, [m, outputs!], size.result) : undefined;
  const epilogue = !bias
    ? "none"
    : activation === "none"
    ? "bias"
    : keepsInput
    ? "bias_gelu_saved"
    : `bias_${activation}` as const;
  const y = gemm(x, weight, { ...size, epilogue, ...(bias && { bias }), ...(h && { h }) })
    .view(shape, { requiresGrad: differentiate });
  const saved = activation === "relu" ? [y] : h ? [h] : [];
  return record(y, bias ? [x, weight, bias] : [x, weight], [x, weight, ...saved], (dy, needed, sinks) => {
    const dh = activation === "relu" ? reluGrad(y, dy) : h ? geluGrad(h, dy) : dy;
    const operand = cast(dh, dtype);
    // The product for the gradient of the weight reads what that of the bias is the sum of, and adds it up on the way.
    const rowSums = needed[1] && needed[2] && dh === operand
      ? sinks[2] ?? full(x.gpu, [outputs!], 0)
      : undefined;
    return [
      needed[0]
        ? viewAs(gemm(operand, weight, { m, n: inputs, k: outputs!, into: sinks[0] }), x.shape)
        : undefined,
      needed[1] ? viewAs(gradientOfWeight(operand, x, weight, sinks[1], rowSums), weight.shape) : undefined,
      needed[2] ? rowSums ?? sumTo(dh.view([m, outputs!]), [outputs!], sinks[2], "f32") : undefined,
    ];
  });
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
