/** What the encoders of all modalities have in common. */
import type { Gpu } from "../../gpu/gpu.ts";
import type { Context } from "../../nn/context.ts";
import type { Indices } from "../../ops/indices.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export type ImageInput = {
  readonly kind: "image";
  /** u8 [batch, height, width, 3]. */
  readonly pixels: Tensor;
};

export type TextInput = {
  readonly kind: "text";
  /** [batch, tokens]. */
  readonly ids: Indices;
  /** u32 [batch, tokens], 1 for a token of the text, 0 for padding. */
  readonly mask: Tensor;
  /** [batch, tokens], where a model does not just count them: RoBERTa. */
  readonly positions?: Indices;
};

export type FeatureInput = {
  readonly kind: "features";
  /** f32 [batch, width]. */
  readonly values: Tensor;
};

/** One modality of a batch on the device. */
export type ModalityInput = ImageInput | TextInput | FeatureInput;

/** The same on the host, as a data set makes it. */
export type HostInput =
  | { readonly kind: "image"; readonly pixels: Uint8Array; readonly height: number; readonly width: number }
  | { readonly kind: "text"; readonly ids: Uint32Array; readonly mask: Uint32Array; readonly tokens: number }
  | { readonly kind: "features"; readonly values: Float32Array; readonly width: number };

/** Turns one modality of a batch into representations. */
export interface Encoder {
  /** The width of a representation. */
  readonly hiddenSize: number;
  /** Sends a batch to the device, in tensors of the current scope. Throws TypeError for another kind of input. */
  upload(gpu: Gpu, input: HostInput): ModalityInput;
  /** One representation a sample, [batch, hiddenSize]. */
  represent(input: ModalityInput, context: Context): Tensor;
}

/** Throws TypeError for an input of another kind. */
export function mustBeKind<K extends HostInput["kind"], T extends { readonly kind: string }>(
  kind: K,
  input: T,
): asserts input is Extract<T, { readonly kind: K }> {
  if (input.kind !== kind) throw new TypeError(`Cannot encode ${input.kind} by an encoder of ${kind}`);
}

/** An array as uploads take it: of memory that is not shared; copied only where it is. */
export function unshared<T extends Uint8Array | Uint32Array | Float32Array>(
  array: T,
): T extends Uint8Array ? Uint8Array<ArrayBuffer>
  : T extends Uint32Array ? Uint32Array<ArrayBuffer>
  : Float32Array<ArrayBuffer> {
  // deno-lint-ignore no-explicit-any
  return (array.buffer instanceof ArrayBuffer ? array : array.slice()) as any;
}
