/** A multimodal classifier: an encoder and a head for each modality, and a head on all representations together. */
import { UserError } from "../io/user_error.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Context } from "../nn/context.ts";
import type { Scope } from "../nn/parameters.ts";
import { concat, detach } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Classifier, type ClassifierConfig } from "./classifier.ts";
import type { ByModality } from "./contrastive.ts";
import type { Encoder, HostInput, ModalityInput } from "./encoder.ts";
import {
  computeLosses,
  type Losses,
  mapModalities,
  type MethodName,
  METHODS,
  type Outputs,
} from "./methods.ts";

export type UnisMmcConfig = {
  readonly method: MethodName;
  readonly classifier: ClassifierConfig;
  /** τ; 0.07 if not given. */
  readonly temperature?: number;
  /** λ; 0.1 if not given. */
  readonly contrastiveWeight?: number;
};

/** Names in the tree of parameters that no modality may have. */
const RESERVED = ["heads", "fusion"];

/** Parameters are `<modality>.…`, `heads.<modality>.…` and `heads.fusion.…`. */
export class UnisMmc {
  readonly encoders: ByModality<Encoder>;
  readonly config: UnisMmcConfig;
  readonly #heads: ByModality<Classifier>;
  readonly #fusion: Classifier;

  /**
   * `encoders` builds each modality's encoder, in the order in which representations are concatenated. Throws a
   * UserError for fewer than two, or for widths that the method cannot compare.
   */
  constructor(at: Scope, encoders: ByModality<(at: Scope) => Encoder>, config: UnisMmcConfig) {
    const names = Object.keys(encoders);
    if (names.length < 2) {
      throw new UserError(`Cannot fuse ${names.length} modalities (${names.join(", ")}): give at least two`);
    }
    for (const name of names) {
      if (RESERVED.includes(name) || !/^[\w-]+$/.test(name)) {
        throw new UserError(
          `Cannot name a modality "${name}": use letters, digits, - and _, and none of ${
            RESERVED.join(", ")
          }`,
        );
      }
    }
    this.config = config;
    this.encoders = mapModalities(encoders, (build, name) => build(at.at(name)));
    checkWidths(config.method, this.encoders);
    const heads = at.at("heads");
    this.#heads = mapModalities(
      this.encoders,
      ({ hiddenSize }, name) => new Classifier(heads.at(name), hiddenSize, config.classifier),
    );
    const width = Object.values(this.encoders).reduce((total, { hiddenSize }) => total + hiddenSize, 0);
    this.#fusion = new Classifier(heads.at("fusion"), width, config.classifier);
  }

  get modalities(): readonly string[] {
    return Object.keys(this.encoders);
  }

  /** Sends a batch to the device, in tensors of the current scope; `inputs` has an entry for every modality. */
  upload(gpu: Gpu, inputs: ByModality<HostInput>): ByModality<ModalityInput> {
    return mapModalities(this.encoders, (encoder, name) => encoder.upload(gpu, entry(inputs, name)));
  }

  forward(inputs: ByModality<ModalityInput>, context: Context): Outputs {
    const { unimodalHeadsAreProbes } = METHODS[this.config.method];
    return scope(() => {
      const representations = mapModalities(
        this.encoders,
        (encoder, name) => encoder.represent(entry(inputs, name), context),
      );
      const unimodalLogits = mapModalities(representations, (r, name) => {
        const seen = unimodalHeadsAreProbes ? detach(r) : r;
        return this.#heads[name]!.forward(seen, context);
      });
      const all = concat(Object.values(representations), 1);
      return { representations, unimodalLogits, fusedLogits: this.#fusion.forward(all, context) };
    });
  }

  /** The losses of the model's method; labels u32 [batch], each below the number of classes. */
  losses(outputs: Outputs, labels: Tensor): Losses {
    const { method, temperature = 0.07, contrastiveWeight = 0.1 } = this.config;
    return computeLosses(METHODS[method], outputs, labels, { temperature, contrastiveWeight });
  }
}

/** A cosine takes two vectors of one length. */
function checkWidths(method: MethodName, encoders: ByModality<Encoder>): void {
  if (!("contrast" in METHODS[method])) return;
  const [[first, { hiddenSize }], ...others] = Object.entries(encoders) as [
    [string, Encoder],
    ...[string, Encoder][],
  ];
  const other = others.find(([, encoder]) => encoder.hiddenSize !== hiddenSize);
  if (other) {
    throw new UserError(
      `Cannot train ${method}: ${first} has hidden_size ${hiddenSize} and ${other[0]} has ${
        other[1].hiddenSize
      }, ` +
        "but the contrast compares representations of one width; choose encoders of equal hidden_size, or agg-mm",
    );
  }
}

function entry<T>(inputs: ByModality<T>, modality: string): T {
  const input = inputs[modality];
  if (input === undefined) throw new TypeError(`Cannot encode a batch without its "${modality}"`);
  return input;
}
