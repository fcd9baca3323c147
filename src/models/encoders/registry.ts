/** The kinds of encoders there are, by `model_type`: one line each. */
import { UserError } from "../../base/user_error.ts";
import { beit } from "./beit.ts";
import { bert } from "./bert.ts";
import { clipText } from "./clip_text.ts";
import { clipVision } from "./clip_vision.ts";
import { deberta } from "./deberta.ts";
import { deit } from "./deit.ts";
import { densenet } from "./densenet.ts";
import { dinov2 } from "./dinov2.ts";
import { dinov2WithRegisters } from "./dinov2_with_registers.ts";
import { distilbert } from "./distilbert.ts";
import { electra } from "./electra.ts";
import type { EncoderType } from "./encoder.ts";
import type { InputKind } from "./inputs.ts";
import { mlp } from "./mlp.ts";
import { modernbert } from "./modernbert.ts";
import { mpnet } from "./mpnet.ts";
import { resnet } from "./resnet.ts";
import { roberta } from "./roberta.ts";
import { siglipVision } from "./siglip_vision.ts";
import { vilt } from "./vilt.ts";
import { vit } from "./vit.ts";
import { xlmRoberta } from "./xlm_roberta.ts";

const ENCODERS: EncoderType[] = [
  vit,
  deit,
  beit,
  dinov2,
  dinov2WithRegisters,
  clipVision,
  siglipVision,
  resnet,
  densenet,
  bert,
  roberta,
  xlmRoberta,
  distilbert,
  electra,
  mpnet,
  deberta,
  modernbert,
  vilt,
  clipText,
  mlp,
];

/** Lists every kind of encoder, those registered from outside last. */
export function encoderTypes(): readonly EncoderType[] {
  return ENCODERS;
}

/** Finds the kind of encoder that a `model_type` names; undefined where it names none. */
export function knownType(
  model_type: unknown,
  among: readonly EncoderType[] = ENCODERS,
): EncoderType | undefined {
  return among.find((one) => one.model_type === model_type);
}

/**
 * Finds the kind of encoder that a `model_type` names, `among` some of them. Throws a UserError that lists these where it is
 * none of them.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { encoderType } from "unis/models";
 *
 * const { hidden_size, num_hidden_layers } = encoderType("vit").configure({ hidden_size: 192 });
 * assert.deepEqual([hidden_size, num_hidden_layers], [192, 12]);
 * assert.throws(() => encoderType("gpt2"), /model_type is "gpt2"/);
 * ```
 */
export function encoderType(model_type: unknown, among: readonly EncoderType[] = ENCODERS): EncoderType {
  const type = knownType(model_type, among);
  if (type !== undefined) return type;
  const known = among.map((one) => one.model_type).join(", ");
  throw new UserError(`model_type is ${JSON.stringify(model_type)}, and encoders are of ${known}`);
}

/** Lists the encoders that read inputs of these kinds, and no others, and can begin from a pretrained checkpoint. */
export function pretrainedTypes(kinds: readonly InputKind[]): readonly EncoderType[] {
  return ENCODERS.filter(({ checkpoint, inputs }) =>
    checkpoint !== undefined && String(Object.values(inputs).toSorted()) === String(kinds.toSorted())
  );
}

/** Lists the encoders that are parts of a checkpoint for several, such as CLIP's, which is named by its own `model_type`. */
export function partsOf(model_type: unknown): readonly EncoderType[] {
  return ENCODERS.filter(({ checkpoint }) =>
    checkpoint?.joint !== undefined && checkpoint.joint.model_type === model_type
  );
}

/** Whether an encoder reads one input alone, of this kind. */
export function readsOnly({ inputs }: EncoderType, kind: InputKind): boolean {
  const kinds = Object.values(inputs);
  return kinds.length === 1 && kinds[0] === kind;
}

/**
 * Makes an encoder of one's own known: from then on configurations, loading and export take its `model_type`. Throws
 * RangeError for a `model_type` that is known already. See `defineEncoder` for what it takes.
 */
export function registerEncoder(type: EncoderType): void {
  if (ENCODERS.some((one) => one.model_type === type.model_type)) {
    throw new RangeError(`Cannot register an encoder "${type.model_type}": there is one of that model_type`);
  }
  ENCODERS.push(type);
}
