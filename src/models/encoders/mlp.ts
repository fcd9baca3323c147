/** An encoder of plain feature vectors. */
import type { Gpu } from "../../gpu/gpu.ts";
import { type Context, drop } from "../../nn/context.ts";
import { xavierNormal } from "../../nn/initializers.ts";
import { Linear } from "../../nn/linear.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { scope } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { readConfig } from "./fields.ts";
import { type Encoder, type HostInput, type ModalityInput, mustBeKind, unshared } from "./encoder.ts";

export type MlpConfig = {
  /** Features of a sample. */
  readonly input_size: number;
  readonly hidden_size: number;
  /** Layers, each as wide as the representation. */
  readonly num_hidden_layers: number;
  readonly hidden_dropout_prob: number;
};

const MLP_DEFAULTS: MlpConfig = {
  input_size: 1,
  hidden_size: 256,
  num_hidden_layers: 2,
  hidden_dropout_prob: 0.1,
};

/** A configuration for `input_size` features. Throws a UserError naming a bad field. */
export function mlpConfig(given: Partial<MlpConfig> & Pick<MlpConfig, "input_size">): MlpConfig {
  return readConfig("an MLP encoder", MLP_DEFAULTS, given);
}

/** Linear layers with ReLU and dropout between them; none after the last, so that a cosine may be negative. */
export class MlpEncoder implements Encoder {
  readonly config: MlpConfig;
  readonly #layers: readonly Linear[];

  constructor(at: ModulePath, config: MlpConfig) {
    this.config = config;
    const options = { initializer: xavierNormal };
    this.#layers = Array.from(
      { length: config.num_hidden_layers },
      (_, i) =>
        new Linear(
          at.at(`layer.${i}`),
          i === 0 ? config.input_size : config.hidden_size,
          config.hidden_size,
          options,
        ),
    );
  }

  get hiddenSize(): number {
    return this.config.hidden_size;
  }

  upload(gpu: Gpu, input: HostInput): ModalityInput {
    mustBeKind("features", input);
    const { values, width } = input;
    return { kind: "features", values: Tensor.from(gpu, unshared(values), [values.length / width, width]) };
  }

  represent(input: ModalityInput, context: Context): Tensor {
    mustBeKind("features", input);
    return scope(() =>
      this.#layers.reduce((x, layer, i) => {
        const isLast = i === this.#layers.length - 1;
        return isLast
          ? layer.forward(x)
          : drop(layer.forward(x, "relu"), this.config.hidden_dropout_prob, context);
      }, input.values)
    );
  }
}
