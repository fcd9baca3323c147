/** All kinds of encoders there are, by `model_type`: one line each. */
import { UserError } from "../../base/user_error.ts";
import { bert } from "./bert.ts";
import type { EncoderType } from "./encoder.ts";
import { mlp } from "./mlp.ts";
import { roberta } from "./roberta.ts";
import { vit } from "./vit.ts";

const ENCODERS: EncoderType[] = [
  vit,
  bert,
  roberta,
  mlp,
];

/** Every kind of encoder, those registered from outside last. */
export function encoderTypes(): readonly EncoderType[] {
  return ENCODERS;
}

/** The encoder of a `model_type`. Throws a UserError that lists the known ones. */
export function encoderType(model_type: string): EncoderType {
  const type = ENCODERS.find((one) => one.model_type === model_type);
  if (type !== undefined) return type;
  const known = ENCODERS.map((one) => one.model_type).join(", ");
  throw new UserError(`"model_type" must be one of ${known}, got "${model_type}"`);
}

/**
 * Makes an encoder of one's own known: from then on configurations, loading and export take its `model_type`. Throws
 * RangeError for a `model_type` that is known already.
 */
export function registerEncoder(type: EncoderType): void {
  if (ENCODERS.some((one) => one.model_type === type.model_type)) {
    throw new RangeError(`Cannot register an encoder "${type.model_type}": there is one of that model_type`);
  }
  ENCODERS.push(type);
}
