/** An encoder of plain feature vectors: a multilayer perceptron. */
import type { Gpu } from "../../gpu/gpu.ts";
import type { Context } from "../../nn/context.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { Perceptron } from "../../nn/perceptron.ts";
import type { Value } from "../../onnx/graph.ts";
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
  readonly #layers: Perceptron;

  constructor(path: ModulePath, config: MlpConfig) {
    const { input_size, hidden_size, num_hidden_layers, hidden_dropout_prob } = config;
    const widths = [input_size, ...Array<number>(num_hidden_layers).fill(hidden_size)];
    this.hiddenSize = hidden_size;
    this.#layers = new Perceptron(path.at("layer"), widths, (layer) => layer > 0 ? hidden_dropout_prob : 0);
  }

  upload(gpu: Gpu, inputs: HostInputs): DeviceInputs {
    return { features: uploadFeatures(gpu, inputOf(inputs, "features", "features")) };
  }

  /** Gives the output of the last layer. */
  represent(inputs: DeviceInputs, context: Context): Tensor {
    return this.#layers.forward(inputOf(inputs, "features", "features").values, context);
  }

  toOnnx(inputs: GraphInputs): Value {
    return this.#layers.toOnnx(inputOf(inputs, "features", "features").values);
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
