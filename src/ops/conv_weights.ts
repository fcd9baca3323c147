/** Weights of convolutions as products read them, for the phases of a gradient that a stride makes. */
import { defineKernel } from "../gpu/kernel.ts";
import { Tensor } from "../tensor/tensor.ts";
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import quotient from "../../wgsl/lib/quotient.wgsl" with { type: "text" };
import weights_ from "../../wgsl/conv/weights.wgsl" with { type: "text" };

/** Every stride-th row (or column) of an image from `offset` on, and the taps of windows that reach it. */
export interface Phase {
  readonly offset: number;
  readonly rows: number;
  /** Number of taps, the first of them, and how far they are apart. */
  readonly taps: number;
  readonly tap: number;
  readonly step: number;
  /** Row i is reached from window i + first − t · spacing by tap number t of the phase. */
  readonly first: number;
  readonly spacing: number;
}

export function phasesOf(
  size: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
): Phase[] {
  return Array.from({ length: Math.min(stride, size) }, (_, offset) => {
    const taps = Array.from({ length: kernel }, (_, tap) => tap)
      .filter((tap) => (offset + padding - tap * dilation) % stride === 0);
    const [tap = 0, second = tap] = taps;
    const step = second - tap;
    return {
      offset,
      rows: Math.ceil((size - offset) / stride),
      taps: taps.length,
      tap,
      step,
      first: (offset + padding - tap * dilation) / stride,
      spacing: step * dilation / stride,
    };
  });
}

const weightsKernel = defineKernel("convolution_weights", [weights_, grid, quotient], ["dy"]);

/** The parameters of weights.wgsl: the arrangement [groups, rows, taps_y, taps_x, columns] of a weight, in fours. */
type Arrangement = Readonly<Record<string, number>>;

/** [groups, outputs, kernel height, kernel width, inputs]. */
export function weightForward(weight: Tensor, groups: number): Arrangement {
  const [outputs, inputs, height, width] = weight.shape as [number, number, number, number];
  const area = height * width;
  return {
    ...{ count: weight.size / 4, rows: outputs / groups, taps_y: height, taps_x: width, columns: inputs / 4 },
    ...{ stride_g: outputs / groups * inputs * area, stride_r: inputs * area, stride_c: area },
    ...{ stride_y: width, stride_x: 1, first: 0 },
  };
}

/** [groups, inputs, taps along y, taps along x, outputs], of the taps of a phase. */
export function weightBackward(weight: Tensor, groups: number, y: Phase, x: Phase): Arrangement {
  const [outputs, inputs, height, width] = weight.shape as [number, number, number, number];
  const area = height * width;
  return {
    ...{ count: outputs * inputs * y.taps * x.taps / 4, rows: inputs, taps_y: y.taps, taps_x: x.taps },
    ...{ columns: outputs / groups / 4, stride_g: outputs / groups * inputs * area, stride_r: area },
    ...{ stride_c: inputs * area, stride_y: y.step * width, stride_x: x.step, first: y.tap * width + x.tap },
  };
}

export function arranged(w: Tensor, params: Arrangement): Tensor {
  const y = Tensor.empty(w.gpu, [4 * params.count!], w.dtype);
  w.gpu.dispatch({
    kernel: weightsKernel,
    entry: "arrange",
    buffers: { w, y },
    params,
    invocations: params.count!,
    constants: { Elem: w.dtype },
  });
  return y;
}

/** The gradient of a weight from that of its arrangement, both f32; added to `into`, if that is given. */
export function restored(dy: Tensor, weight: Tensor, params: Arrangement, into: Tensor | undefined): Tensor {
  const dw = into ?? Tensor.empty(weight.gpu, weight.shape, "f32");
  weight.gpu.dispatch({
    kernel: weightsKernel,
    entry: "restore",
    buffers: { dy, dw },
    params,
    invocations: params.count!,
    constants: { ...(into && { ADDED: true }) },
  });
  return dw;
}
