/** Layer scale (Touvron et al., 2021): a learned factor for each channel of what a layer adds to its tokens. */
import type { FloatType, Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { mul } from "../ops/arithmetic.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Parameter } from "./parameter.ts";
import type { ModulePath } from "./parameters.ts";

/** Declares `name` [width], which begins as `initial`. */
export class LayerScale {
  readonly factors: Parameter;

  constructor(path: ModulePath, name: string, width: number, initial: number) {
    this.factors = path.parameter(name, [width], (values) => values.fill(initial));
  }

  /** Multiplies each channel of [.., width] by its factor. */
  forward(x: Tensor): Tensor {
    return mul(x, this.factors.value);
  }

  /** The same in a graph of ONNX. */
  toOnnx(x: Value): Value {
    return onnx.multiply(x, x.graph.weight(this.factors, x.type as FloatType));
  }
}
