/** The inputs of encoders, images, texts and features: as a data set describes them, on the host and on the device. */
import type { Gpu } from "../../gpu/gpu.ts";
import type { Value } from "../../onnx/graph.ts";
import { type Indices, indices } from "../../ops/indices.ts";
import { Tensor } from "../../tensor/tensor.ts";

type Channels = readonly [red: number, green: number, blue: number];

/** Images of one size; on the device a byte becomes (byte / 255 - mean) / std, by channel. */
export type ImageSpec = {
  readonly kind: "image";
  readonly name: string;
  readonly height: number;
  readonly width: number;
  readonly mean: Channels;
  readonly std: Channels;
};

/** Texts as token ids, at most `maxTokens` long, padded by `padId`. */
export type TextSpec = {
  readonly kind: "text";
  readonly name: string;
  readonly vocabularySize: number;
  readonly maxTokens: number;
  readonly padId: number;
  /** The token that every text ends with, where there is one. */
  readonly endId?: number;
};

/** Vectors of `width` features. */
export type FeatureSpec = { readonly kind: "features"; readonly name: string; readonly width: number };

/** The description of a modality by a data set. */
export type InputSpec = ImageSpec | TextSpec | FeatureSpec;
export type InputKind = InputSpec["kind"];

/** One modality of a batch on the host, as a data set makes it. */
export type HostInput =
  & (
    | { readonly kind: "image"; readonly pixels: Uint8Array; readonly height: number; readonly width: number }
    | {
      readonly kind: "text";
      readonly ids: Uint32Array;
      readonly mask: Uint32Array;
      readonly tokens: number;
    }
    | { readonly kind: "features"; readonly values: Float32Array; readonly width: number }
  )
  & {
    /** 1 for each sample of the batch that has the modality, else 0: the input is of those alone. All have it if not given. */
    readonly present?: Uint32Array; // [batch]
  };

export type ImageInput = {
  readonly kind: "image";
  /** Bytes, u8 [batch, height, width, 3]. */
  readonly pixels: Tensor;
};

export type TextInput = {
  readonly kind: "text";
  /** Token ids, [batch, tokens]. */
  readonly ids: Indices;
  /** 1 for a token of the text and 0 for padding, u32 [batch, tokens]. */
  readonly mask: Tensor;
  /** Positions, [batch, tokens], for a model that does not just count them, as RoBERTa. */
  readonly positions?: Indices;
  /** The row of its end token for each text, [batch], in a matrix of all tokens, for an encoder that reads texts there. */
  readonly ends?: Indices;
  /** The share of each token in the mean of its text, f32 [batch, 1, tokens], for an encoder that pools by the mean. */
  readonly shares?: Tensor;
};

export type FeatureInput = {
  readonly kind: "features";
  /** Numbers, f32 [batch, width]. */
  readonly values: Tensor;
};

/** Which samples of a batch have the modality that an encoder reads, where it heeds that some lack it. */
export type PresenceInput = {
  readonly kind: "presence";
  /** 1 for each sample that has it, else 0, on the host. */
  readonly present: readonly number[]; // [batch]
  /** The same, f32 [batch, 1]. */
  readonly indicator: Tensor;
  /** The numbers of those that have it, [count]; undefined where none has. */
  readonly samples: Indices | undefined;
  /** The place of each sample among those that have it; of one that lacks it the place after them: [batch]. */
  readonly places: Indices;
};

/** In place of what an encoder reads: the representation itself, as heads and fusion read it. */
export type RepresentationInput = {
  readonly kind: "representation";
  readonly values: Tensor; // f32 [batch, width]
};

/** One modality of a batch on the device. */
export type DeviceInput = ImageInput | TextInput | FeatureInput | PresenceInput | RepresentationInput;

/** One modality of a batch in a graph of ONNX. */
export type GraphInput =
  & (
    /** float32 [batch, height, width, 3]: (byte / 255 - mean) / std already. */
    | { readonly kind: "image"; readonly pixels: Value }
    /** Both int64 [batch, tokens], with zeros and ones as above; ids are rows of the vocabulary. */
    | { readonly kind: "text"; readonly ids: Value; readonly mask: Value }
    /** float32 [batch, width]. */
    | { readonly kind: "features"; readonly values: Value }
  )
  & {
    /**
     * 1 for each sample that has the modality, else 0, float32 [batch, 1], where some may lack it; the input is of all
     * samples, whatever it holds of those.
     */
    readonly present?: Value;
  };

/** The name of a representation among the inputs of an encoder. */
const REPRESENTATION = "representation";

/** The inputs of one encoder, by the names that its type gives them. */
export type HostInputs = Readonly<Record<string, HostInput>>;
export type DeviceInputs = Readonly<Record<string, DeviceInput>>;
export type GraphInputs = Readonly<Record<string, GraphInput>>;

/**
 * Takes the input of a name. Throws TypeError where it is missing, or of another kind.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type HostInputs, inputOf } from "unis/models";
 *
 * const inputs: HostInputs = { genes: { kind: "features", values: Float32Array.of(1, 2), width: 2 } };
 * assert.equal(inputOf(inputs, "genes", "features").width, 2);
 * assert.throws(() => inputOf(inputs, "genes", "image"), TypeError);
 * ```
 */
export function inputOf<T extends { readonly kind: string }, K extends InputKind>(
  inputs: Readonly<Record<string, T>>,
  name: string,
  kind: K,
): Extract<T, { readonly kind: K }> {
  const input = inputs[name];
  if (input === undefined) throw new TypeError(`Cannot encode a batch without its "${name}"`);
  if (input.kind !== kind) throw new TypeError(`Cannot encode ${input.kind} by an encoder of ${kind}`);
  return input as Extract<T, { readonly kind: K }>;
}

/** The inputs that stand for a representation which is at hand already, f32 [batch, width]. */
export function representedBy(values: Tensor): DeviceInputs {
  return { [REPRESENTATION]: { kind: "representation", values } };
}

/** The representation that inputs stand for; undefined where an encoder is to make it. */
export function representationIn(inputs: DeviceInputs): Tensor | undefined {
  const found = inputs[REPRESENTATION];
  return found?.kind === "representation" ? found.values : undefined;
}

/** Sends images to the device, in a tensor of the current scope. */
export function uploadImage(
  gpu: Gpu,
  { pixels, height, width }: Extract<HostInput, { readonly kind: "image" }>,
): ImageInput {
  const shape = [pixels.length / (height * width * 3), height, width, 3];
  return { kind: "image", pixels: Tensor.from(gpu, unshared(pixels), shape) };
}

/**
 * Sends texts to the device, in tensors of the current scope; the embedding of `padId` is not learned. Throws RangeError for
 * an id of no row of the vocabulary.
 */
export function uploadText(
  gpu: Gpu,
  { ids, mask, tokens }: Extract<HostInput, { readonly kind: "text" }>,
  { vocabularySize, padId }: Pick<TextSpec, "vocabularySize"> & Partial<Pick<TextSpec, "padId">>,
): TextInput {
  const shape = [ids.length / tokens, tokens];
  return {
    kind: "text",
    ids: indices(gpu, ids, shape, {
      rows: vocabularySize,
      ...(padId !== undefined && { ignore: padId }),
    }),
    mask: Tensor.from(gpu, unshared(mask), shape),
  };
}

/** Sends features to the device, in a tensor of the current scope. */
export function uploadFeatures(
  gpu: Gpu,
  { values, width }: Extract<HostInput, { readonly kind: "features" }>,
): FeatureInput {
  return { kind: "features", values: Tensor.from(gpu, unshared(values), [values.length / width, width]) };
}

/** Makes the largest input that `size` samples can have, with nothing in it, for memory to be planned with. */
export function largestInput(spec: InputSpec, size: number): HostInput {
  if (spec.kind === "image") {
    const { kind, height, width } = spec;
    return { kind, height, width, pixels: new Uint8Array(size * height * width * 3) };
  }
  if (spec.kind === "features") {
    return { kind: spec.kind, width: spec.width, values: new Float32Array(size * spec.width) };
  }
  const { kind, maxTokens: tokens, vocabularySize, padId } = spec;
  // As many different words as there are: each takes a row of its own in the gradient.
  const ids = Uint32Array.from({ length: size * tokens }, (_, i) => (padId + 1 + i) % vocabularySize);
  return { kind, tokens, ids, mask: new Uint32Array(size * tokens).fill(1) };
}

/** Gives an array over memory that is not shared, as uploads want it; copies it only where it is. */
function unshared<T extends Uint8Array | Uint32Array | Float32Array>(
  array: T,
): T extends Uint8Array ? Uint8Array<ArrayBuffer>
  : T extends Uint32Array ? Uint32Array<ArrayBuffer>
  : Float32Array<ArrayBuffer> {
  // deno-lint-ignore no-explicit-any
  return (array.buffer instanceof ArrayBuffer ? array : array.slice()) as any;
}
