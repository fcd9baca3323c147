/**
 * A multimodal classifier: encoders, and the architecture of a method on them, which is a head on the representation that
 * each makes and a head on all of these together, where the method says nothing else.
 */
import { UserError } from "../base/user_error.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Context } from "../nn/context.ts";
import type { Constant } from "../nn/parameter.ts";
import type { ModulePath } from "../nn/parameters.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Classifier, type ClassifierConfig, headConfig } from "./classifier.ts";
import { type Encoder, modalitiesRead } from "./encoders/encoder.ts";
import { OptionalEncoder, presenceIn, type StandIn } from "./encoders/optional.ts";
import type { FieldValue } from "./encoders/fields.ts";
import type { DeviceInputs, GraphInput, HostInput, PresenceInput } from "./encoders/inputs.ts";
import { type ByModality, mapModalities, pairsOf } from "./losses/pairs.ts";
import { type BuiltArchitecture, FUSION, type GraphOutputs, type Outputs } from "./methods/architecture.ts";
import { computeLosses, type Losses } from "./methods/compute_losses.ts";
import type { Contrast, ContrastSettings, Moment } from "./methods/contrast.ts";
import { architectureOf, fuses, type Method, readOptions } from "./methods/method.ts";
import { type MixedTargets, mixtureOf } from "./methods/mixture.ts";
import { chooseMethod } from "./methods/registry.ts";
import { checkWidths, MISSING, mustBeDefinedFor, mustBeFree, mustRead, mustSkip } from "./method_checks.ts";
import { noOnnx } from "./methods/separate_heads.ts";
import { classification } from "./tasks/classification.ts";
import type { Task } from "./tasks/task.ts";

export type MultimodalClassifierConfig = {
  /** A method or the name of one, or the name of the encoder that is all there is. */
  readonly method: string | Method;
  readonly classifier: ClassifierConfig;
  /** In the order of labels, for a method that reads them. */
  readonly classNames?: readonly string[];
  /** λ; 0.1 if not given. */
  readonly contrastiveWeight?: number;
  /** τ is 0.07 if not given. */
  readonly contrast?: Partial<ContrastSettings>;
  /** The modality of a batch that each input of each encoder reads, where it is not as `modalitiesRead` has it. */
  readonly reads?: ByModality<Readonly<Record<string, string>>>;
  /** The width that a linear layer brings every representation to, before heads, fusion and contrast; none if not given. */
  readonly projection?: number;
  /** What stands for a modality that a sample lacks; without it, every sample has all. */
  readonly missing?: StandIn;
  /** What all heads learn; classification if not given. */
  readonly task?: Task;
  /** How the losses of all heads weigh samples; all alike if not given. */
  readonly weighting?: Weighting;
  /** The fields of the method's own that are not to be as by default. */
  readonly options?: Readonly<Record<string, FieldValue>>;
};

/** What the loss of a head weighs its samples by: see `crossEntropy`. */
export type Weighting = {
  /** In the order of labels; all 1 if not given. */
  readonly classWeights?: readonly number[] | undefined;
  readonly labelSmoothing?: number;
  readonly focalGamma?: number;
};

/**
 * Encoders, a head on the representation of each, and a head on all of them fused. An encoder is called by the name of the
 * modality it reads, and a joint encoder by a name of its own; what comes after takes each for one modality. Parameters are
 * `<encoder>.…`, `heads.<encoder>.…` and `heads.fusion.…`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EVALUATION, Gpu, type ModulePath, Parameters } from "unis/engine";
 * import { mlp, MultimodalClassifier } from "unis/models";
 *
 * const gpu = await Gpu.open();
 * const parameters = new Parameters();
 * const build = (name: string) => (path: ModulePath) =>
 *   mlp.build(path, mlp.configure({ input_size: 3 }), { features: { kind: "features", name, width: 3 } });
 * const model = new MultimodalClassifier(parameters.root, { genes: build("genes"), proteins: build("proteins") }, {
 *   method: "unis-mmc",
 *   classifier: { classes: 2 },
 * });
 * parameters.allocate(gpu, 0);
 *
 * const four = { kind: "features", values: new Float32Array(4 * 3), width: 3 } as const;
 * const inputs = model.upload(gpu, { genes: four, proteins: four });
 * assert.deepEqual(model.forward(inputs, EVALUATION).fusedLogits!.shape, [4, 2]);
 * assert.deepEqual(model.heads, ["genes", "proteins", "fusion"]);
 * gpu.destroy();
 * ```
 */
export class MultimodalClassifier {
  readonly encoders: ByModality<Encoder>;
  readonly config: MultimodalClassifierConfig;
  readonly method: Method;
  readonly task: Task;
  /** The modality of a batch that each input of each encoder reads. */
  readonly reads: ByModality<Readonly<Record<string, string>>>;
  readonly #architecture: BuiltArchitecture;
  /** Every field of the method's own. */
  readonly #options: Readonly<Record<string, FieldValue>>;
  readonly #classWeights: Constant | undefined;

  /**
   * `encoders` builds each encoder, in the order in which representations are fused; of one named as the method, that alone
   * is built. Throws a UserError for a method that is none, for fewer than two to fuse, for a name that is taken, or for
   * widths that the method cannot compare.
   */
  constructor(
    path: ModulePath,
    encoders: ByModality<(path: ModulePath) => Encoder>,
    config: MultimodalClassifierConfig,
  ) {
    const names = Object.keys(encoders);
    const { method, encoders: used } = chooseMethod(config.method, names);
    this.method = method;
    this.task = config.task ?? classification;
    mustBeDefinedFor(this.task, method);
    this.config = config;
    if (fuses(method) ? used.length < 2 : used.length !== 1) {
      throw new UserError(
        fuses(method)
          ? `Cannot fuse ${used.length} modalities (${
            names.join(", ")
          }): give at least two, or as "method" the name ` +
            "of the one to learn from"
          : `Cannot learn by "${method.name}" from ${names.join(", ")}: it fuses nothing, so give one`,
      );
    }
    mustBeFree(names);
    if (method.projects !== undefined && config.projection !== undefined) {
      throw new UserError(
        `"model.projection" must be null where "method" is ${method.name}: it brings modalities to ${method.projects}`,
      );
    }
    this.#options = readOptions(method, config.options);
    const { missing } = config;
    if (missing !== undefined) mustSkip(method);
    const vectors = path.at("heads").at(MISSING);
    this.encoders = Object.fromEntries(used.map((name) => {
      const encoder = encoders[name]!(path.at(name));
      return [name, missing === undefined ? encoder : new OptionalEncoder(vectors, name, encoder, missing)];
    }));
    mustRead(method, this.encoders);
    this.reads = mapModalities(
      this.encoders,
      ({ inputs }, name) => modalitiesRead(name, inputs, config.reads?.[name]),
    );
    if (method.contrast !== undefined && config.projection === undefined) {
      checkWidths(method.name, this.encoders);
    }
    const { classes } = config.classifier;
    const { classWeights } = config.weighting ?? {};
    this.#classWeights = classWeights &&
      path.at("heads").constant("class_weights", [classes], Float32Array.from(classWeights));
    this.#architecture = architectureOf(method).build(path.at("heads"), {
      encoders: this.encoders,
      classes,
      classNames: config.classNames ?? Array.from({ length: classes }, (_, i) => `${i}`),
      task: this.task,
      head: (path, name, width) => new Classifier(path, width, headConfig(config.classifier, name)),
      projection: config.projection,
      isToldPresence: missing !== undefined,
      options: this.#options,
    });
  }

  /** Encoders that have a head of their own, each of which stands for a modality. */
  get modalities(): readonly string[] {
    return this.#architecture.unimodalHeads;
  }

  /** The modalities that have a head, then "fusion" where there is one. The last one gives the model's answer. */
  get heads(): readonly string[] {
    return this.#architecture.hasFusion ? [...this.modalities, FUSION] : this.modalities;
  }

  /** The pairs of modalities that have a head. */
  get pairs(): readonly (readonly [string, string])[] {
    return pairsOf(this.modalities);
  }

  /** Whether there is a fused answer to whatever representations modalities have: see `representedBy`. */
  get takesRepresentations(): boolean {
    const { takesRepresentations = false, hasFusion } = this.#architecture;
    return takesRepresentations && hasFusion;
  }

  /** The width of each representation in a graph of ONNX, by its name. */
  get widths(): ByModality<number> {
    return this.#architecture.widths;
  }

  /** That of the architecture, which takes what this holds, before that of the method. */
  get #contrast(): Contrast | undefined {
    return this.#architecture.contrast ?? this.method.contrast;
  }

  get hasContrast(): boolean {
    return this.#contrast !== undefined;
  }

  /** Sends a batch to the device, in tensors of the current scope; `batch` has every modality that an encoder reads. */
  upload(gpu: Gpu, batch: ByModality<HostInput>): ByModality<DeviceInputs> {
    const inputs = mapModalities(this.encoders, (_, name) => this.#inputsOf(name, batch));
    return this.#architecture.upload?.(gpu, inputs) ??
      mapModalities(this.encoders, (encoder, name) => encoder.upload(gpu, inputs[name]!));
  }

  /** The modalities of a batch that an encoder reads, by the names of its inputs. */
  #inputsOf<T>(encoder: string, batch: ByModality<T>): Record<string, T> {
    const reads = Object.entries(this.reads[encoder]!);
    return Object.fromEntries(reads.map(([input, modality]) => [input, entry(batch, modality)]));
  }

  forward(inputs: ByModality<DeviceInputs>, context: Context): Outputs {
    for (const name of Object.keys(this.encoders)) entry(inputs, name);
    const presence: Record<string, PresenceInput> = {};
    for (const [name, own] of Object.entries(inputs)) {
      const found = presenceIn(own);
      if (found !== undefined) presence[name] = found;
    }
    const isWhole = Object.keys(presence).length === 0;
    return scope(() => {
      const outputs = this.#architecture.forward(inputs, context);
      return isWhole ? outputs : { ...outputs, presence };
    });
  }

  /**
   * The same in a graph of ONNX: representations by encoder and logits by head, float32. Throws a UserError for an encoder or
   * an architecture that does not say how.
   */
  toOnnx(batch: ByModality<GraphInput>): GraphOutputs {
    if (this.#architecture.toOnnx === undefined) throw noOnnx(`the method ${this.method.name}`);
    return this.#architecture.toOnnx(
      mapModalities(this.encoders, (_, name) => this.#inputsOf(name, batch)),
    );
  }

  /**
   * The losses of the model's method; targets are those of the task, in classification labels u32 [batch], each below the
   * number of classes. `rowWeights` f32 [batch] is what each sample counts in the losses of heads, see `crossEntropy`; `mixed`
   * is what heads that see images learn in place of the targets, where images are mixed.
   */
  losses(
    outputs: Outputs,
    targets: Tensor,
    moment?: Moment,
    rowWeights?: Tensor,
    mixed?: MixedTargets,
  ): Losses {
    const { contrast, contrastiveWeight = 0.1, weighting } = this.config;
    const settings = {
      task: this.task,
      temperature: 0.07,
      ...contrast,
      options: this.#options,
      contrastiveWeight,
      head: { ...weighting, classWeights: this.#classWeights?.value, rowWeights },
      mixture: mixed && mixtureOf(this.encoders, mixed),
    };
    return computeLosses(this.method, outputs, targets, settings, moment, this.#contrast);
  }
}

function entry<T>(inputs: ByModality<T>, modality: string): T {
  const input = inputs[modality];
  if (input === undefined) throw new TypeError(`Cannot encode a batch without its "${modality}"`);
  return input;
}
