/** The two encoders of a method that is for one of images and one of texts. */
import type { Encoder } from "../encoders/encoder.ts";
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
