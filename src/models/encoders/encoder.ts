/** The contract of encoders: what one does, and what its type says to whoever configures, loads, builds or exports it. */
import type { Gpu } from "../../gpu/gpu.ts";
import type { Context } from "../../nn/context.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import type { Shape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type ConfigOf, type Fields, type FieldValue, type Multiples, readFields } from "./fields.ts";
import type { DeviceInputs, HostInputs, InputKind, InputSpec } from "./inputs.ts";

/** The kinds of an encoder's inputs, by name. */
export type InputKinds = Readonly<Record<string, InputKind>>;

/** Turns one or several modalities of a batch into representations. */
export interface Encoder {
  /** The width of a representation. */
  readonly hiddenSize: number;
  /** The inputs that `upload` and `represent` want. */
  readonly inputs: InputKinds;
  /**
   * Sends a batch to the device, in tensors of the current scope. Throws TypeError where an input is missing or of another
   * kind, RangeError where a text is too long or has an id beyond the vocabulary.
   */
  upload(gpu: Gpu, inputs: HostInputs): DeviceInputs;
  /** One representation a sample, f32 [batch, hiddenSize]. */
  represent(inputs: DeviceInputs, context: Context): Tensor;
  /** The last hidden state of every token, [batch, tokens, hiddenSize], where there are tokens. */
  lastHiddenState?(inputs: DeviceInputs, context: Context): Tensor;
}

/**
 * Which modality each input of an encoder is, where `given` does not say: the only input is the modality that the encoder
 * is named after, and each of several is the modality of its own name.
 */
export function modalitiesRead(
  encoder: string,
  inputs: InputKinds,
  given: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const names = Object.keys(inputs);
  return Object.fromEntries(
    names.map((input) => [input, given[input] ?? (names.length === 1 ? encoder : input)]),
  );
}

/** How checkpoints of Hugging Face's hold an encoder. After the prefix, parameters have Hugging Face's names. */
export interface CheckpointFormat {
  /** Stands before every name where the encoder is a part of a model for some task. */
  readonly prefix: string;
  /** What stands beside an encoder and is of no use to it: poolers, heads of tasks, buffers. */
  readonly ignored: RegExp;
  /** How the parameter `name` is made of a tensor that has another shape than it; undefined where it cannot be. */
  fit?(name: string, stored: Shape, wanted: Shape): Fitting | undefined;
}

export interface Fitting {
  /** What is done, for the user to read. */
  readonly note: string;
  values(stored: Float32Array): Float32Array<ArrayBuffer>;
}

/** How an encoder is written, as `transformers` or the predict.py of an export loads it. */
export interface ExportFormat {
  /**
   * The class of Hugging Face's, such as "ViTModel", whose `last_hidden_state[:, 0]` is the representation; none where it
   * has no such model.
   */
  readonly architecture?: string;
  /** True where the encoder is linear layers `layer.N` with ReLU between them and no more, as predict.py computes them. */
  readonly isLinearLayers?: boolean;
  /** Fields of config.json that are the same in all of our configurations. */
  readonly fields?: Readonly<Record<string, FieldValue>>;
  /** Of an encoder of texts: the name of its table of word embeddings, [vocab_size, width]. */
  readonly wordEmbeddings?: string;
}

/** All of an encoder's configuration. */
export type EncoderConfig = { readonly model_type: string } & Readonly<Record<string, FieldValue>>;

export type SpecsOf<I extends InputKinds> = {
  readonly [K in keyof I]: Extract<InputSpec, { readonly kind: I[K] }>;
};

/** What the author of an encoder says of it; see `EncoderType`. */
export interface EncoderRow<
  F extends Fields = Fields,
  I extends InputKinds = InputKinds,
  E extends Encoder = Encoder,
> {
  /** The name in configurations, and in Hugging Face's config.json where there is such a model. */
  readonly model_type: string;
  /** The name in messages, with its article: "a ViT". */
  readonly title: string;
  /** One input for nearly all, named by its kind; a joint encoder of images and texts has two. */
  readonly inputs: I;
  readonly fields: F;
  readonly multiples?: Multiples<keyof F & string>;
  /** What a representation is, for whoever reads an export. */
  readonly representation: string;
  /**
   * The fields that follow from the data; a configuration's own values of optional ones win. Throws a UserError for data
   * that cannot be encoded.
   */
  fromData(specs: SpecsOf<I>): Partial<ConfigOf<F>>;
  /** Declares the parameters below `path`. Layers named `layer.N` and embeddings below `embeddings` can be frozen. */
  build(path: ModulePath, config: ConfigOf<F>, specs: SpecsOf<I>): E;
  /** For an encoder of texts: the most tokens a text may have, as far as the configuration says. */
  longestText?(config: Partial<ConfigOf<F>>): number;
  /** For an encoder of texts: true where the published code gives it texts as they are, not cleaned. */
  readonly readsRawTexts?: boolean;
  /** Only of an encoder that can begin from a pretrained checkpoint. */
  readonly checkpoint?: CheckpointFormat;
  readonly exported?: ExportFormat;
}

/** A kind of encoder. Everything that differs from one to another is asked of it. */
export interface EncoderType<
  F extends Fields = Fields,
  I extends InputKinds = InputKinds,
  E extends Encoder = Encoder,
> extends EncoderRow<F, I, E> {
  readonly multiples: Multiples<keyof F & string>;
  readonly exported: ExportFormat;
  /** A whole configuration from some of its fields. Throws a UserError naming a bad one. */
  configure(given?: object): ConfigOf<F> & { readonly model_type: string };
}

/** Completes what an author says of an encoder. `registerEncoder` makes it known by its `model_type`. */
export function defineEncoder<F extends Fields, const I extends InputKinds, E extends Encoder>(
  row: EncoderRow<F, I, E>,
): EncoderType<F, I, E> {
  const { model_type, title, fields, multiples = [], exported = {} } = row;
  return {
    ...row,
    multiples,
    exported,
    configure: (given = {}) => ({ ...readFields(title, fields, multiples, given), model_type }),
  };
}
