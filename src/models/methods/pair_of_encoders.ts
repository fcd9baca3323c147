/** The two encoders of a method that is for one of images and one of texts. */
import type { Gpu } from "../../gpu/gpu.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Encoder } from "../encoders/encoder.ts";
import type { HostInput } from "../encoders/inputs.ts";
import type { ByModality } from "../losses/pairs.ts";

export interface NamedEncoder {
  readonly name: string;
  readonly encoder: Encoder;
}

/** Finds both among encoders that are one of each. */
export function imageAndText(
  encoders: ByModality<Encoder>,
): { readonly image: NamedEncoder; readonly text: NamedEncoder } {
  const reading = (kind: string): NamedEncoder => {
    const [name, encoder] = Object.entries(encoders).find(([, { inputs }]) =>
      Object.values(inputs).includes(kind as "text")
    )!;
    return { name, encoder };
  };
  return { image: reading("image"), text: reading("text") };
}

/** The share of each token in the mean of its text, 0 for padding: f32 [batch, 1, tokens]. */
export function textShares(
  gpu: Gpu,
  { mask, tokens }: Extract<HostInput, { readonly kind: "text" }>,
): Tensor {
  const shares = Float32Array.from(mask);
  for (let start = 0; start < mask.length; start += tokens) {
    const length = mask.subarray(start, start + tokens).reduce((sum, one) => sum + one, 0);
    for (let i = start; i < start + tokens; i++) shares[i]! /= length;
  }
  return Tensor.from(gpu, shares, [mask.length / tokens, 1, tokens]);
}
