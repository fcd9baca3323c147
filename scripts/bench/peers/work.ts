/** The work that is compared: sizes, inputs, and what a library must offer to take part. */
import { normal } from "../../../src/nn/initializers.ts";

/** A convolution: pixels along a side, channels that come in and go out, the sides of the kernel, the stride. */
export interface Convolution {
  readonly pixels: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly stride: number;
}

export interface Sizes {
  readonly product: { readonly m: number; readonly k: number; readonly n: number };
  readonly rows: number;
  readonly width: number;
  readonly mlp: { readonly batch: number; readonly widths: readonly number[] };
  readonly block: {
    readonly batch: number;
    readonly tokens: number;
    readonly width: number;
    readonly heads: number;
    readonly inner: number;
  };
  readonly convolution: { readonly batch: number; readonly pixels: number; readonly width: number };
}

export const FULL: Sizes = {
  product: { m: 1576, k: 768, n: 3072 },
  rows: 1576,
  width: 768,
  mlp: { batch: 32, widths: [768, 256, 256, 10] },
  block: { batch: 2, tokens: 197, width: 768, heads: 12, inner: 3072 },
  convolution: { batch: 8, pixels: 224, width: 64 },
};

/** To see quickly that everything runs and agrees; the times mean nothing. */
export const SMALL: Sizes = {
  product: { m: 88, k: 64, n: 128 },
  rows: 48,
  width: 96,
  mlp: { batch: 32, widths: [64, 32, 32, 10] },
  block: { batch: 2, tokens: 19, width: 64, heads: 4, inner: 256 },
  convolution: { batch: 2, pixels: 32, width: 8 },
};

export const WORK_NAMES = [
  "gemm-nn",
  "gemm-nt",
  "gemm-tn",
  "softmax",
  "layer-norm",
  "mlp",
  "block",
  "block-grad",
  "conv-7x7",
  "conv-1x1",
  "conv-3x3",
  "conv-strided-3x3",
  "conv-strided-1x1",
  "conv-grad-7x7",
  "conv-grad-1x1",
  "conv-grad-3x3",
  "conv-grad-strided-3x3",
  "conv-grad-strided-1x1",
] as const;

export type WorkName = typeof WORK_NAMES[number];
export type ConvolutionName = Extract<WorkName, `conv-${string}`>;

export function isConvolution(name: WorkName): name is ConvolutionName {
  return name.startsWith("conv-");
}

export interface Work {
  readonly title: string;
  /** Floating-point operations of one call; given where a rate says more than a time. */
  readonly operations?: number;
  /** How many times as fast as the best peer it should be. */
  readonly goal?: number;
}

/** What a row of the table is called and should reach. */
export function describe(name: WorkName, sizes: Sizes): Work {
  const { product, rows, width, mlp, block } = sizes;
  const { m, k, n } = product;
  const gemm = (layout: string) => ({
    title: `matmul ${m}×${k}×${n} ${layout}`,
    operations: 2 * m * k * n,
    goal: 5,
  });
  const encoder = `encoder block ${block.batch}×${block.tokens}×${block.width}, ${block.heads} heads`;
  if (isConvolution(name)) return describeConvolutions(name, sizes);
  const works: Record<Exclude<WorkName, ConvolutionName>, Work> = {
    "gemm-nn": gemm("A·B"),
    "gemm-nt": gemm("A·Bᵀ"),
    "gemm-tn": gemm("Aᵀ·B"),
    "softmax": { title: `softmax ${rows}×${width}`, goal: 1 },
    "layer-norm": { title: `layer norm ${rows}×${width}`, goal: 1 },
    "mlp": { title: `MLP ${mlp.widths.join("-")}, batch ${mlp.batch}: a step of Adam`, goal: 1 },
    "block": { title: `${encoder}: forward` },
    "block-grad": { title: `${encoder}: forward + backward`, goal: 6 },
  };
  return works[name];
}

function describeConvolutions(name: ConvolutionName, sizes: Sizes): Work {
  const { batch, pixels } = sizes.convolution;
  const shapes = convolutions(name, sizes);
  const products = shapes.reduce(
    (sum, { inputs, outputs, kernel, ...shape }) =>
      sum + batch * pixelsAfter(shape) ** 2 * inputs * outputs * kernel ** 2,
    0,
  );
  const isGrad = name.includes("grad");
  const kernel = name.match(/\dx\d/)![0];
  const strided = name.includes("strided");
  return {
    title: `ResNet-50, ${batch} × ${pixels} px: ${shapes.length} of ${kernel}` +
      `${strided ? ", strided" : ""}: forward${isGrad ? " + backward" : ""}`,
    operations: (isGrad ? 6 : 2) * products,
    goal: 3,
  };
}

/** Pixels along a side of the result; images are padded so that a stride alone makes them smaller. */
export const pixelsAfter = ({ pixels, stride }: Pick<Convolution, "pixels" | "stride">) =>
  Math.ceil(pixels / stride);

/** Those of the 23 distinct convolutions of a ResNet-50 that a kind of work is made of. */
export function convolutions(
  name: ConvolutionName,
  { convolution: { pixels, width } }: Sizes,
): Convolution[] {
  const all: Convolution[] = [{ pixels, inputs: 3, outputs: width, kernel: 7, stride: 2 }];
  for (let stage = 0; stage < 4; stage++) {
    const [inner, side] = [width * 2 ** stage, pixels / 4 / 2 ** stage];
    const [outer, before, above] = [
      4 * inner,
      stage === 0 ? width : 2 * inner,
      stage === 0 ? side : 2 * side,
    ];
    const add = (pixels: number, inputs: number, outputs: number, kernel: number, stride = 1) =>
      all.push({ pixels, inputs, outputs, kernel, stride });
    add(above, before, inner, 1); // the first block of a stage has another input than those after it
    if (stage > 0) add(above, inner, inner, 3, 2);
    add(side, inner, outer, 1);
    if (stage > 0) add(above, before, outer, 1, 2); // beside the block, to its width
    add(side, outer, inner, 1);
    add(side, inner, inner, 3);
  }
  const kernel = name.match(/\dx\d/)![0];
  const strided = name.includes("strided");
  return all.filter(({ kernel: own, stride }) =>
    `${own}x${own}` === kernel && (own === 7 || (stride > 1) === strided)
  );
}

export interface HostArray {
  readonly shape: readonly number[];
  readonly values: Float32Array<ArrayBuffer>;
}

export const EPSILON = 1e-5;
/** With an epsilon of 1e-8, gradients that are mere rounding would move parameters a full step, each library's its way. */
export const ADAM = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-6 };
/** Steps after which the parameters of the MLP are compared: enough to see a wrong moment or a wrong correction. */
export const MLP_STEPS = 3;

function random(name: string, shape: readonly number[], deviation = 1): HostArray {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  normal(deviation)(values, shape, name);
  return { shape, values };
}

/** Around 1, as a gain is. */
function gain(name: string, width: number): HostArray {
  const { shape, values } = random(name, [width], 0.1);
  return { shape, values: values.map((value) => 1 + value) };
}

/** A and B; one that is used transposed is stored so. */
export function productInputs(name: WorkName, { product: { m, k, n } }: Sizes): Record<"a" | "b", HostArray> {
  return {
    a: random("a", name === "gemm-tn" ? [k, m] : [m, k]),
    b: random("b", name === "gemm-nt" ? [n, k] : [k, n]),
  };
}

export function rowInputs({ rows, width }: Sizes): Record<"x" | "gain" | "shift", HostArray> {
  return {
    x: random("x", [rows, width]),
    gain: gain("gain", width),
    shift: random("shift", [width], 0.1),
  };
}

/** A batch, its labels, and first parameters; weights are [inputs, outputs]. */
export function mlpInputs({ mlp: { batch, widths } }: Sizes) {
  const parameters: Record<string, HostArray> = {};
  for (let i = 0; i + 1 < widths.length; i++) {
    const [inputs, outputs] = [widths[i]!, widths[i + 1]!];
    parameters[`w${i}`] = random(`mlp w${i}`, [inputs, outputs], Math.sqrt(2 / inputs));
    parameters[`b${i}`] = random(`mlp b${i}`, [outputs], 0.1);
  }
  const x = random("mlp x", [batch, widths[0]!]);
  const classes = widths.at(-1)!;
  const labels = Array.from({ length: batch }, (_, i) => (7 * i) % classes);
  return { x, labels, classes, layers: widths.length - 1, parameters };
}

/** Images [batch, pixels, pixels, inputs], a weight [kernel, kernel, inputs, outputs], and the gradient of the result. */
export function convolutionInputs(
  { pixels, inputs, outputs, kernel, stride }: Convolution,
  { convolution: { batch } }: Sizes,
): Record<"x" | "weight" | "dy", HostArray> {
  const side = pixelsAfter({ pixels, stride });
  return {
    x: random(`images ${pixels} ${inputs}`, [batch, pixels, pixels, inputs]),
    weight: random(
      `kernel ${kernel} ${inputs} ${outputs}`,
      [kernel, kernel, inputs, outputs],
      1 / Math.sqrt(inputs * kernel ** 2),
    ),
    dy: random(`gradient ${side} ${outputs}`, [batch, side, side, outputs]),
  };
}

/** An array [height, width, a, b] as [b, a, height, width], or what that is made of the first; and any axes likewise. */
export function permuted({ shape, values }: HostArray, order: readonly number[]): HostArray {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const to = order.map((axis) => shape[axis]!);
  const steps = order.map((axis) => strides[axis]!);
  const result = new Float32Array(values.length);
  const at = to.map(() => 0);
  for (let i = 0, from = 0; i < result.length; i++) {
    result[i] = values[from]!;
    for (let axis = to.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++at[axis]! < to[axis]!) break;
      from -= steps[axis]! * to[axis]!;
      at[axis] = 0;
    }
  }
  return { shape: to, values: result };
}

/** x [batch · tokens, width], the gradient of the result, and the parameters; weights are [inputs, outputs]. */
export function blockInputs({ block: { batch, tokens, width, inner } }: Sizes) {
  const weight = (name: string, inputs: number, outputs: number) =>
    random(name, [inputs, outputs], 1 / Math.sqrt(inputs));
  const bias = (name: string, outputs: number) => random(name, [outputs], 0.1);
  const parameters = {
    gain1: gain("gain1", width),
    shift1: bias("shift1", width),
    wq: weight("wq", width, width),
    bq: bias("bq", width),
    wk: weight("wk", width, width),
    bk: bias("bk", width),
    wv: weight("wv", width, width),
    bv: bias("bv", width),
    wo: weight("wo", width, width),
    bo: bias("bo", width),
    gain2: gain("gain2", width),
    shift2: bias("shift2", width),
    w1: weight("w1", width, inner),
    b1: bias("b1", inner),
    w2: weight("w2", inner, width),
    b2: bias("b2", width),
  };
  return {
    x: random("block x", [batch * tokens, width]),
    dy: random("dy", [batch * tokens, width]),
    parameters,
  };
}

/**
 * Results that are compared on the scale of another: the bias of the keys moves all scores of a query alike, so its
 * gradient is zero but for rounding.
 */
export const SCALES: Readonly<Record<string, string>> = { dbk: "dbq" };

export type BlockParameter = keyof ReturnType<typeof blockInputs>["parameters"];

/** The other way round: [rows, columns] to [columns, rows]. */
export function transposed({ shape, values }: HostArray): HostArray {
  const [rows, columns] = shape as [number, number];
  const result = new Float32Array(values.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result[j * rows + i] = values[i * columns + j]!;
  }
  return { shape: [columns, rows], values: result };
}

/** One kind of work of one library, ready to be called. */
export interface Task {
  /** Sends the work to the device once, without waiting for it. Frees what the call before has given. */
  run(): void | Promise<void>;
  /** Hands over what the library holds back, and waits until the device has done everything (`onSubmittedWorkDone`). */
  finish(): Promise<void>;
  /**
   * What the last call gave, by name: `y` of a product, row operation or block; `dx` and `d…` of every parameter for
   * "block-grad"; the parameters for "mlp"; `y0`, `dx0`, `dw0` and so on for convolutions, weights as they were given.
   */
  results(): Promise<Readonly<Record<string, Float32Array>>>;
}

/** Thrown where a library has no such work; the message says why. */
export class Unsupported extends Error {}

/** Makes work of one library ready. */
export type Library = (name: WorkName, sizes: Sizes) => Promise<Task>;
