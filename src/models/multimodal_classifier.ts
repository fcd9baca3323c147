/**
 * A multimodal classifier: an encoder and a head for each modality, and a head on all representations together; or, for
 * a method that is the name of a modality, the encoder and the head of that one alone.
 */
import { UserError } from "../base/user_error.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Context } from "../nn/context.ts";
import type { ModulePath } from "../nn/parameters.ts";
import { concat, detach } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Classifier, type ClassifierConfig } from "./classifier.ts";
import type { ByModality, ContrastOptions } from "./losses/contrastive.ts";
import type { Encoder, HostInput, ModalityInput } from "./encoders/encoder.ts";
import {
  computeLosses,
  type Losses,
  mapModalities,
  type Method,
  METHODS,
  type Outputs,
  SINGLE,
} from "./methods/methods.ts";

export type MultimodalClassifierConfig = {
  /** One of `METHODS`, or the name of the modality that is all there is. */
  readonly method: string;
  readonly classifier: ClassifierConfig;
  /** λ; 0.1 if not given. */
  readonly contrastiveWeight?: number;
  /** τ is 0.07 if not given. */
  readonly contrast?: Partial<ContrastOptions>;
};

/** The head on all modalities together. */
export const FUSION = "fusion";

/** What stands beside modalities among parameters, predictions and losses: no modality may have these names. */
export const RESERVED: readonly string[] = ["heads", FUSION, "total", "contrast"];
/** Those of methods neither: a method may be the name of a modality. */
const TAKEN = [...RESERVED, ...Object.keys(METHODS)];

/** Parameters are `<modality>.…`, `heads.<modality>.…` and `heads.fusion.…`. */
export class MultimodalClassifier {
  readonly encoders: ByModality<Encoder>;
  readonly config: MultimodalClassifierConfig;
  readonly #heads: ByModality<Classifier>;
  readonly #fusion: Classifier | undefined;
  readonly #method: Method;

  /**
   * `encoders` builds each modality's encoder, in the order in which representations are concatenated; a method of one
   * modality builds that one only. Throws a UserError for a method that is none, for fewer than two to fuse, or for widths
   * that the method cannot compare.
   */
  constructor(
    at: ModulePath,
    encoders: ByModality<(at: ModulePath) => Encoder>,
    config: MultimodalClassifierConfig,
  ) {
    const names = Object.keys(encoders);
    this.#method = methodOf(config.method, names);
    const isSingle = this.#method === SINGLE;
    if (!isSingle && names.length < 2) {
      throw new UserError(
        `Cannot fuse ${names.length} modalities (${
          names.join(", ")
        }): give at least two, or as "method" the name of the ` +
          "one to learn from",
      );
    }
    for (const name of names) {
      if (TAKEN.includes(name) || !/^[\w-]+$/.test(name)) {
        throw new UserError(
          `Cannot name a modality "${name}": use letters, digits, - and _, and none of ${TAKEN.join(", ")}`,
        );
      }
    }
    this.config = config;
    const used = isSingle ? { [config.method]: encoders[config.method]! } : encoders;
    this.encoders = mapModalities(used, (build, name) => build(at.at(name)));
    if (this.hasContrast) checkWidths(config.method, this.encoders);
    const heads = at.at("heads");
    this.#heads = mapModalities(
      this.encoders,
      ({ hiddenSize }, name) => new Classifier(heads.at(name), hiddenSize, config.classifier),
    );
    const width = Object.values(this.encoders).reduce((total, { hiddenSize }) => total + hiddenSize, 0);
    this.#fusion = isSingle ? undefined : new Classifier(heads.at(FUSION), width, config.classifier);
  }

  get modalities(): readonly string[] {
    return Object.keys(this.encoders);
  }

  /** The modalities, then "fusion"; of a single modality that alone. The last one gives the model's answer. */
  get heads(): readonly string[] {
    return this.#fusion ? [...this.modalities, FUSION] : this.modalities;
  }

  get hasContrast(): boolean {
    return this.#method.contrast !== undefined;
  }

  /** Sends a batch to the device, in tensors of the current scope; `inputs` has an entry for every modality. */
  upload(gpu: Gpu, inputs: ByModality<HostInput>): ByModality<ModalityInput> {
    return mapModalities(this.encoders, (encoder, name) => encoder.upload(gpu, entry(inputs, name)));
  }

  forward(inputs: ByModality<ModalityInput>, context: Context): Outputs {
    const { unimodalHeadsAreProbes } = this.#method;
    return scope(() => {
      const representations = mapModalities(
        this.encoders,
        (encoder, name) => encoder.represent(entry(inputs, name), context),
      );
      const unimodalLogits = mapModalities(representations, (r, name) => {
        const seen = unimodalHeadsAreProbes ? detach(r) : r;
        return this.#heads[name]!.forward(seen, context);
      });
      if (!this.#fusion) return { representations, unimodalLogits };
      const all = concat(Object.values(representations), 1);
      return { representations, unimodalLogits, fusedLogits: this.#fusion.forward(all, context) };
    });
  }

  /** The losses of the model's method; labels u32 [batch], each below the number of classes. */
  losses(outputs: Outputs, labels: Tensor): Losses {
    const { contrast, contrastiveWeight = 0.1 } = this.config;
    return computeLosses(this.#method, outputs, labels, {
      temperature: 0.07,
      ...contrast,
      contrastiveWeight,
    });
  }
}

/** The method that a configuration of these modalities names. Throws a UserError where there is none. */
export function methodOf(name: string, modalities: readonly string[]): Method {
  const method = Object.hasOwn(METHODS, name)
    ? METHODS[name]!
    : modalities.includes(name)
    ? SINGLE
    : undefined;
  if (method === undefined) {
    throw new UserError(
      `Cannot learn by "${name}": it is neither a method (${
        Object.keys(METHODS).join(", ")
      }) nor a modality (${modalities.join(", ")})`,
    );
  }
  return method;
}

/** A cosine takes two vectors of one length. */
function checkWidths(method: string, encoders: ByModality<Encoder>): void {
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
        "but the contrast compares representations of one width; choose encoders of equal hidden_size, or a method without contrast: agg-mm, mt-mml",
    );
  }
}

function entry<T>(inputs: ByModality<T>, modality: string): T {
  const input = inputs[modality];
  if (input === undefined) throw new TypeError(`Cannot encode a batch without its "${modality}"`);
  return input;
}
