/** The classifier on top of a representation, the same for every modality and for all of them fused. */
import type { Context } from "../nn/context.ts";
import type { Value } from "../onnx/graph.ts";
import type { ModulePath } from "../nn/parameters.ts";
import { Perceptron } from "../nn/perceptron.ts";
import type { Tensor } from "../tensor/tensor.ts";

export type ClassifierConfig = {
  readonly classes: number;
  /** The width of the two hidden layers; 256 if not given. */
  readonly hidden_size?: number;
  /** The probability of dropout after the first layer, before the last where it is the only one; 0 if not given. */
  readonly dropout?: number;
  /** Fully connected layers, 1 to 3; 3 if not given, as in the paper. */
  readonly layers?: number;
  /** The dropout of single heads, by their names, where it is another. */
  readonly dropouts?: Readonly<Record<string, number>>;
};

/** The configuration of one head: those are alike but for their dropout. */
export function headConfig(config: ClassifierConfig, name: string): ClassifierConfig {
  const dropout = config.dropouts?.[name] ?? config.dropout;
  return dropout === undefined ? config : { ...config, dropout };
}

/**
 * Three fully connected layers, or fewer: ReLU between them, dropout after the first, or before the only one; Xavier-normal
 * weights, zero bias.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EVALUATION, Gpu, Parameters, Tensor } from "unis/engine";
 * import { Classifier } from "unis/models";
 *
 * const gpu = await Gpu.open();
 * const parameters = new Parameters();
 * const head = new Classifier(parameters.root, 8, { classes: 3, hidden_size: 16 });
 * parameters.allocate(gpu, 0);
 * const logits = head.forward(Tensor.from(gpu, new Float32Array(2 * 8), [2, 8]), EVALUATION);
 * assert.deepEqual(logits.shape, [2, 3]);
 * gpu.destroy();
 * ```
 */
export class Classifier {
  readonly #layers: Perceptron;

  constructor(
    path: ModulePath,
    inputs: number,
    { classes, hidden_size: width = 256, dropout = 0, layers = 3 }: ClassifierConfig,
  ) {
    const widths = [inputs, ...Array<number>(layers - 1).fill(width), classes];
    const dropped = Math.min(1, layers - 1);
    this.#layers = new Perceptron(path, widths, (layer) => layer === dropped ? dropout : 0);
  }

  /** Takes representations [batch, inputs] to logits [batch, classes]. */
  forward(x: Tensor, context: Context): Tensor {
    return this.#layers.forward(x, context);
  }

  /** The same in a graph of ONNX, where nothing is dropped. */
  toOnnx(x: Value): Value {
    return this.#layers.toOnnx(x);
  }
}
