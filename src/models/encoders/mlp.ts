/** An encoder of plain feature vectors: a multilayer perceptron. */
import type { Gpu } from "../../gpu/gpu.ts";
import { type Context, drop } from "../../nn/context.ts";
import { xavierNormal } from "../../nn/initializers.ts";
import { Linear } from "../../nn/linear.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import type { Value } from "../../onnx/graph.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { defineEncoder, type Encoder } from "./encoder.ts";
import { type ConfigOf, count, derived, probability } from "./fields.ts";
import { type DeviceInputs, type GraphInputs, type HostInputs, inputOf, uploadFeatures } from "./inputs.ts";

const INPUTS = { features: "features" } as const;
const FIELDS = {
  /** The features of a sample. */
  input_size: derived(count(1)),
  hidden_size: count(256),
  /** The number of layers, each as wide as the representation. */
  num_hidden_layers: count(2),
  hidden_dropout_prob: probability(0.1),
};

export type MlpConfig = ConfigOf<typeof FIELDS>;

/** Linear layers with ReLU and dropout between them; none after the last, so that a cosine may be negative. */
export class Mlp implements Encoder {
  readonly inputs = INPUTS;
  readonly hiddenSize: number;
  readonly #layers: readonly Linear[];
  readonly #dropout: number;

  constructor(path: ModulePath, config: MlpConfig) {
    const { input_size, hidden_size, num_hidden_layers } = config;
    this.hiddenSize = hidden_size;
    this.#dropout = config.hidden_dropout_prob;
    this.#layers = Array.from({ length: num_hidden_layers }, (_, i) => {
      const width = i === 0 ? input_size : hidden_size;
      return new Linear(path.at(`layer.${i}`), width, hidden_size, { initializer: xavierNormal });
    });
  }

  upload(gpu: Gpu, inputs: HostInputs): DeviceInputs {
    return { features: uploadFeatures(gpu, inputOf(inputs, "features", "features")) };
  }

  /** Gives the output of the last layer. */
  represent(inputs: DeviceInputs, context: Context): Tensor {
    const { values } = inputOf(inputs, "features", "features");
    return scope(() =>
      this.#layers.reduce((x, layer, i) => {
        const isLast = i === this.#layers.length - 1;
        return isLast ? layer.forward(x) : drop(layer.forward(x, "relu"), this.#dropout, context);
      }, values)
    );
  }

  toOnnx(inputs: GraphInputs): Value {
    const { values } = inputOf(inputs, "features", "features");
    const last = this.#layers.length - 1;
    return this.#layers.reduce((x, layer, i) => layer.toOnnx(x, i === last ? "none" : "relu"), values);
  }
}

export const mlp = defineEncoder({
  model_type: "mlp",
  title: "an MLP encoder",
  inputs: INPUTS,
  fields: FIELDS,
  representation: "output of the last layer, without activation",
  fromData: ({ features }) => ({ input_size: features.width }),
  build: (path, config) => new Mlp(path, config),
  exported: { isLinearLayers: true },
});
