/**
 * HUSE (Narayana et al., 2019): a tower of layers brings the representation of each modality to an embedding of unit length,
 * one classifier reads the embeddings of all, and they lie as far apart as the names of their classes,
 *
 *   L = Σ_m CE_m + β L_graph + γ L_gap,
 *
 * where L_graph and L_gap stand in losses/semantic_graph.ts. The answer is the mean of the modalities' probabilities.
 */
import type { Context } from "../../nn/context.ts";
import { xavierNormal } from "../../nn/initializers.ts";
import { Linear } from "../../nn/linear.ts";
import type { ModelBuffer } from "../../nn/parameter.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { Perceptron } from "../../nn/perceptron.ts";
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { add } from "../../ops/arithmetic.ts";
import { l2Normalize } from "../../ops/normalize.ts";
import { scale } from "../../ops/pointwise.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Encoder } from "../encoders/encoder.ts";
import { count, type Fields, positive, probability } from "../encoders/fields.ts";
import { type DeviceInputs, type GraphInputs, representationIn } from "../encoders/inputs.ts";
import { type ByModality, mapModalities } from "../losses/pairs.ts";
import { classification } from "../tasks/classification.ts";
import { crossModalGap, semanticGraph, wordDistances } from "../losses/semantic_graph.ts";
import {
  type Architecture,
  type ArchitectureParts,
  type BuiltArchitecture,
  FUSION,
  type GraphOutputs,
  type Outputs,
} from "./architecture.ts";
import type { Contrast } from "./contrast.ts";
import type { Method } from "./method.ts";
import { encodeInOnnx } from "./separate_heads.ts";

const FIELDS = {
  /** Layers of the towers by what their encoders read, the last one included. */
  image_layers: count(5),
  text_layers: count(2),
  features_layers: count(2),
  tower_size: count(512),
  tower_dropout: probability(0.15),
  embedding_size: count(512),
  /** β, γ and the margin ζ, of which the paper gives no values. */
  graph_weight: positive(1),
  gap_weight: positive(1),
  margin: positive(0.5),
} as const satisfies Fields;
type Options = { readonly [K in keyof typeof FIELDS]: number };

/** The distances of the classes, [classes, classes]: of the words of their names, unless something better is written there. */
export const CLASS_DISTANCES = "class_distances";

/** Layers whose result is brought to unit length. */
class Tower {
  readonly #layers: Perceptron;

  constructor(path: ModulePath, { hiddenSize, inputs }: Encoder, options: Options) {
    const { tower_size, embedding_size, tower_dropout } = options;
    const [kind] = Object.values(inputs);
    const inner = Array<number>(options[`${kind!}_layers`] - 1).fill(tower_size);
    const widths = [hiddenSize, ...inner, embedding_size];
    this.#layers = new Perceptron(path, widths, (layer) => layer > 0 ? tower_dropout : 0);
  }

  /** [batch, hiddenSize] to [batch, embedding_size]. */
  forward(x: Tensor, context: Context): Tensor {
    return l2Normalize(this.#layers.forward(x, context));
  }

  toOnnx(x: Value): Value {
    return onnx.l2Normalize(this.#layers.toOnnx(x));
  }
}

class Huse implements BuiltArchitecture {
  readonly unimodalHeads: readonly string[];
  readonly widths: ByModality<number>;
  readonly hasFusion = true;
  readonly takesRepresentations = true;
  readonly #encoders: ByModality<Encoder>;
  readonly #towers: ByModality<Tower>;
  readonly #classifier: Linear;
  readonly #distances: ModelBuffer;

  constructor(path: ModulePath, { encoders, classes, classNames, options }: ArchitectureParts) {
    const own = options as Options;
    this.unimodalHeads = Object.keys(encoders);
    this.widths = mapModalities(encoders, () => own.embedding_size);
    this.#encoders = encoders;
    this.#towers = mapModalities(
      encoders,
      (encoder, name) => new Tower(path.at(`tower.${name}`), encoder, own),
    );
    this.#classifier = new Linear(path.at("shared"), own.embedding_size, classes, {
      initializer: xavierNormal,
    });
    this.#distances = path.buffer(
      CLASS_DISTANCES,
      [classes, classes],
      (values) => values.set(wordDistances(classNames)),
    );
  }

  forward(inputs: ByModality<DeviceInputs>, context: Context): Outputs {
    const representations = mapModalities(
      this.#encoders,
      (encoder, name) =>
        representationIn(inputs[name]!) ??
          this.#towers[name]!.forward(encoder.represent(inputs[name]!, context), context),
    );
    const unimodalLogits = mapModalities(representations, (r) => this.#classifier.forward(r));
    return {
      representations,
      unimodalLogits,
      fusedLogits: classification.meanAnswer(Object.values(unimodalLogits)),
    };
  }

  toOnnx(inputs: ByModality<GraphInputs>): GraphOutputs {
    const representations = mapModalities(this.#encoders, (encoder, name) => {
      return this.#towers[name]!.toOnnx(encodeInOnnx(encoder, name, inputs));
    });
    const logits = mapModalities(representations, (r) => this.#classifier.toOnnx(r));
    return {
      representations,
      logits: { ...logits, [FUSION]: classification.meanAnswerToOnnx(Object.values(logits)) },
    };
  }

  readonly contrast: Contrast = (representations, _, { options }, labels) =>
    scope(() => {
      const { graph_weight, gap_weight, margin } = options as Options;
      const embeddings = Object.values(representations);
      const graph = semanticGraph(embeddings, this.#distances.value, labels, margin);
      return add(scale(graph, graph_weight), scale(crossModalGap(embeddings), gap_weight));
    });
}

const architecture: Architecture = {
  description:
    "one classifier of embeddings of unit length, whose probabilities are averaged over the modalities",
  build: (path, parts) => new Huse(path, parts),
};

export const huse: Method = {
  name: "huse",
  description: "unimodal losses of one classifier, distances as between the names of classes, and small gaps",
  architecture,
  learnsFusedLoss: false,
  unimodalHeadsAreProbes: false,
  contrastWeight: 1,
  usesClassDistances: true,
  tasks: ["classification"],
  projects: "model.options.embedding_size",
  fields: FIELDS,
};
