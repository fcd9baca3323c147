/** The contract of encoders: what one does, and what its type says to whoever configures, loads, builds or exports it. */
import type { Gpu } from "../../gpu/gpu.ts";
import type { Context } from "../../nn/context.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import type { Value } from "../../onnx/graph.ts";
import type { Indices } from "../../ops/indices.ts";
import type { Shape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type ConfigOf, type Fields, type FieldValue, type Multiples, readFields } from "./fields.ts";
import type { DeviceInputs, GraphInputs, HostInputs, InputKind, InputSpec } from "./inputs.ts";

/**
 * The vector that stands for a sample: the last hidden state of the first token; the mean of those of all tokens that are
 * not padding; what the pooler of the model makes of them; or a projection of that, by which CLIP compares images and texts.
 */
export type PoolingName = "first" | "mean" | "pooler" | "projection";

/** The kinds of an encoder's inputs, by their names. */
export type InputKinds = Readonly<Record<string, InputKind>>;

/** Turns one or several modalities of a batch into one vector a sample. */
export interface Encoder {
  /** The width of a representation. */
  readonly hiddenSize: number;
  /** The inputs that `upload` and `represent` expect. */
  readonly inputs: InputKinds;
  /**
   * Sends a batch to the device, in tensors of the current scope. Throws TypeError where an input is missing or of another
   * kind, RangeError where a text is too long or has an id beyond the vocabulary.
   */
  upload(gpu: Gpu, inputs: HostInputs): DeviceInputs;
  /** Makes one representation a sample, f32 [batch, hiddenSize]. */
  represent(inputs: DeviceInputs, context: Context): Tensor;
  /** The same in a graph of ONNX, float32; an encoder without it is not exported to ONNX. */
  toOnnx?(inputs: GraphInputs): Value;
  /** Gives the last hidden state of every token, [batch, tokens, hiddenSize], where there are tokens. */
  lastHiddenState?(inputs: DeviceInputs, context: Context): Tensor;
  /** Gives the last states by their places in the image, [batch, height, width, channels], where there are such places. */
  featureMap?(inputs: DeviceInputs, context: Context): Tensor;
  /** Rows and columns of an image's patches, which are the last of the tokens that layers attend to, row by row. */
  readonly patches?: readonly [rows: number, columns: number] | undefined;
  /** The channels of `featureMap`; `hiddenSize` if not given. */
  readonly channels?: number;
  /** The maps on the way to the last one, for a joint encoding that acts on them. */
  readonly maps?: MapStages;
  /** The layers of an encoder of texts, for a joint encoding to have them read other tokens beside words. */
  readonly sequence?: Sequence | undefined;
}

/** An encoder by convolutions piece by piece: `stem`, then each of `stages`, then `finish` make `featureMap`. */
export interface MapStages {
  stem(inputs: DeviceInputs, context: Context): Tensor;
  /** Each takes a map [batch, height, width, channels] to one of `channels`. */
  readonly stages: readonly { readonly channels: number; forward(x: Tensor, context: Context): Tensor }[];
  /** Height and width of the map after each stage. */
  readonly sizes: readonly (readonly [height: number, width: number])[];
  finish(x: Tensor, context: Context): Tensor;
}

/** Embeddings of an encoder of texts, of any tokens that are as wide as words. */
export interface TokenEmbedder {
  /** The width of the embedding of a word. */
  readonly width: number;
  /** Kinds of tokens that there are embeddings of; 0 where there are none. */
  readonly types: number;
  /** The most tokens of one part, each part being counted from the first position on. */
  readonly positions: number;
  /** Gives the embeddings of words alone, [...ids.shape, width]. */
  words(ids: Indices, context: Context): Tensor;
  /** Adds places, counted from the first, and the embedding of a type, and normalises: [batch, tokens, width] to hidden. */
  embed(tokens: Tensor, type: number, context: Context): Tensor;
}

/** Embeddings and layers of an encoder of texts. */
export interface Sequence extends TokenEmbedder {
  /** Pools what the layers make of [batch, tokens, hidden]: f32 [batch, hiddenSize]; mask u32 [batch, tokens]. */
  represent(tokens: Tensor, mask: Tensor, context: Context): Tensor;
}

/**
 * Finds the modality that each input of an encoder reads. Where `given` does not say, an only input reads the modality that
 * the encoder is named after, and each of several inputs the modality of its own name.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { modalitiesRead } from "unis/models";
 *
 * assert.deepEqual(modalitiesRead("title", { text: "text" }), { text: "title" });
 * const joint = { image: "image", text: "text" } as const;
 * assert.deepEqual(modalitiesRead("joint", joint, { text: "title" }), { image: "image", text: "title" });
 * ```
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

/**
 * Pairs of templates, with which names begin: whole words between full stops, `*` being a number. Both sides of a pair have
 * as many numbers. `["encoder.layers.*.mlp.fc1", "encoder.layer.*.intermediate.dense"]` says that the checkpoint's
 * `encoder.layers.3.mlp.fc1.weight` is our `encoder.layer.3.intermediate.dense.weight`.
 */
export type Renames = readonly (readonly [theirs: string, ours: string])[];

/** The layout of Hugging Face's checkpoints. After the prefix, tensors have the names of our parameters or `renames`. */
export interface CheckpointFormat {
  /** Stands before every name where the encoder is a part of a model for some task. */
  readonly prefix: string;
  /** The tensors beside an encoder that are of no use to it, unless it has parameters of their names: poolers, heads, buffers. */
  readonly ignored: RegExp;
  /**
   * Tensors that are called otherwise than our parameters, in checkpoints and in exports. The first pair that fits a name is
   * used, and no other: where one parameter has been called by several names, an export uses the first.
   */
  readonly renames?: Renames;
  /** Where it can be a part of a model of several encoders: which part. */
  readonly joint?: JointFormat;
  /** What to do where a checkpoint lacks the tensors of a module, by its name: such as a pooler that was asked for. */
  readonly advice?: Readonly<Record<string, string>>;
  /**
   * Buffers that count: files hold whole numbers for them, and old files have none, which leaves them at 0. Other buffers are
   * loaded and exported as parameters are.
   */
  readonly counters?: RegExp;
  /**
   * Gives the fields of a configuration from the shapes of a checkpoint's tensors, by our names, for checkpoints that come
   * without a config.json of Hugging Face's; undefined where they are of another model.
   */
  recognise?(shapes: ReadonlyMap<string, Shape>): object | undefined;
  /** The preprocessor_config.json of checkpoints that come without one. */
  readonly preprocessor?: object;
  /** Says how the parameter `name` is made of a tensor of another shape; undefined where it cannot be made of it. */
  fit?(name: string, stored: Shape, wanted: Shape): Fitting | undefined;
}

/** The place of an encoder in the config.json of a model of several, such as an image tower in that of CLIP. */
export interface JointFormat {
  /** The model's own. */
  readonly model_type: string;
  /** The key that the encoder's configuration stands under. */
  readonly section: string;
  /** Fields of the encoder that stand outside of it, for the whole model. */
  readonly shared?: readonly string[];
}

/** The way from a tensor of a checkpoint to a parameter of another shape. */
export interface Fitting {
  /** Says what is done, for the user to read. */
  readonly note: string;
  values(stored: Float32Array): Float32Array<ArrayBuffer>;
}

/** The form in which an encoder is exported, for `transformers` or the predict.py of an export to load. */
export interface ExportFormat {
  /**
   * The class of Hugging Face's, such as "ViTModel", from whose results the representation is pooled; none where it has no
   * such model.
   */
  readonly architecture?: string;
  /** The class whose first result is the representation, where that is a projection. */
  readonly projecting?: string;
  /** How it is pooled where the configuration has no field `pooling`: "first" if not given; "pooler" is `pooler_output`. */
  readonly pooling?: PoolingName;
  /** True where the encoder is linear layers `layer.N` with ReLU between them and no more, as predict.py computes them. */
  readonly isLinearLayers?: boolean;
  /** Fields of config.json that are the same in all of our configurations. */
  readonly fields?: Readonly<Record<string, FieldValue>>;
  /** The name of the table of word embeddings, [vocab_size, width], where the encoder reads texts. */
  readonly wordEmbeddings?: string;
}

/** All of an encoder's configuration. */
export type EncoderConfig = { readonly model_type: string } & Readonly<Record<string, FieldValue>>;

export type SpecsOf<I extends InputKinds> = {
  readonly [K in keyof I]: Extract<InputSpec, { readonly kind: I[K] }>;
};

/** A kind of encoder as its author describes it; `defineEncoder` makes an `EncoderType` of it. */
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
  /** The field that says how many layers there are; `num_hidden_layers` if not given. */
  readonly layersField?: keyof F & string;
  /** Says what a representation is, before it is pooled if it is, for the readers of an export. */
  readonly representation: string;
  /**
   * Gives the fields that follow from the data; where a configuration says an optional one itself, its value wins. Throws a
   * UserError for data that cannot be encoded.
   */
  fromData(specs: SpecsOf<I>): Partial<ConfigOf<F>>;
  /** Declares the parameters below `path`. Layers named `layer.N` and embeddings below `embeddings` can be frozen. */
  build(path: ModulePath, config: ConfigOf<F>, specs: SpecsOf<I>): E;
  /** Gives the most tokens that a text may have, as far as the configuration says. Encoders of texts have it. */
  longestText?(config: Partial<ConfigOf<F>>): number;
  /** True for an encoder of texts that the published code gives texts as they are, not cleaned. */
  readonly readsRawTexts?: boolean;
  /** An encoder that can begin from a pretrained checkpoint has it. */
  readonly checkpoint?: CheckpointFormat;
  readonly exported?: ExportFormat;
}

/** A kind of encoder. Whatever differs from one kind to another is asked of it, never found out by its name or class. */
export interface EncoderType<
  F extends Fields = Fields,
  I extends InputKinds = InputKinds,
  E extends Encoder = Encoder,
> extends EncoderRow<F, I, E> {
  readonly multiples: Multiples<keyof F & string>;
  readonly exported: ExportFormat;
  /** Makes a whole configuration of some of its fields. Throws a UserError naming a bad one. */
  configure(given?: object): ConfigOf<F> & { readonly model_type: string };
}

/**
 * Completes the description of a kind of encoder. `registerEncoder` then makes it known by its `model_type`; without that,
 * `configure` and `build` are enough for a `MultimodalClassifier`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, Linear, Parameters, xavierNormal } from "unis/engine";
 * import { count, defineEncoder, derived, inputOf, uploadFeatures } from "unis/models";
 *
 * const projection = defineEncoder({
 *   model_type: "projection",
 *   title: "a projection",
 *   inputs: { features: "features" },
 *   fields: { input_size: derived(count(1)), hidden_size: count(4) },
 *   representation: "projected features",
 *   fromData: ({ features }) => ({ input_size: features.width }),
 *   build(path, { input_size, hidden_size }) {
 *     const linear = new Linear(path.at("linear"), input_size, hidden_size, { initializer: xavierNormal });
 *     return {
 *       hiddenSize: hidden_size,
 *       inputs: { features: "features" },
 *       upload: (gpu, inputs) => ({ features: uploadFeatures(gpu, inputOf(inputs, "features", "features")) }),
 *       represent: (inputs) => linear.forward(inputOf(inputs, "features", "features").values),
 *     };
 *   },
 * });
 *
 * const gpu = await Gpu.open();
 * const features = { kind: "features", name: "genes", width: 3 } as const;
 * const parameters = new Parameters();
 * const config = projection.configure(projection.fromData({ features }));
 * const encoder = projection.build(parameters.root, config, { features });
 * parameters.allocate(gpu, 0);
 * const batch = { features: { kind: "features", values: new Float32Array(2 * 3), width: 3 } } as const;
 * assert.deepEqual(encoder.represent(encoder.upload(gpu, batch)).shape, [2, 4]);
 * gpu.destroy();
 * ```
 */
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
