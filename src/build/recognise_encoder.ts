/** Tells encoders by the shapes of their tensors, where weights come without a config.json of Hugging Face's. */
import { soleWeights, weightsFile } from "../io/hub_files.ts";
import { openWeights } from "../io/weights_file.ts";
import type { EncoderType } from "../models/encoders/encoder.ts";
import { encoderTypes } from "../models/encoders/registry.ts";
import { parameterName } from "./hf_names.ts";

/** A kind of encoder, and the fields of its configuration that its weights tell. */
export interface Recognised {
  readonly type: EncoderType;
  readonly fields: object;
}

/**
 * The encoder whose weights are in a folder, as torchvision or timm store them; undefined where there are none, or no kind knows
 * them as its own. Throws a UserError where they cannot be read.
 */
export function recogniseEncoder(folder: string): Recognised | undefined {
  const names = new Set(Array.from(Deno.readDirSync(folder), ({ name }) => name));
  if ((weightsFile((name) => names.has(name)) ?? soleWeights(names)) === undefined) return undefined;
  using weights = openWeights(folder);
  for (const type of encoderTypes()) {
    const { checkpoint } = type;
    if (checkpoint?.recognise === undefined) continue;
    const shapes = Array.from(
      weights.tensors,
      ([key, { shape }]) => [parameterName(checkpoint, key) ?? key, shape] as const,
    );
    const fields = checkpoint.recognise(new Map(shapes));
    if (fields !== undefined) return { type, fields };
  }
  return undefined;
}
