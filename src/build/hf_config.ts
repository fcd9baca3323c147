/** `config.json` of a Hugging Face model, which decides the architecture. */
import { join } from "node:path";
import type { EncoderConfig, EncoderType } from "../models/encoders/encoder.ts";
import type { InputKind } from "../models/encoders/inputs.ts";
import { encoderType, encoderTypes, partsOf, readsOnly } from "../models/encoders/registry.ts";
import { readJsonObject } from "../io/json_file.ts";
import { isJsonObject } from "../io/strict_json.ts";
import { recogniseEncoder } from "./recognise_encoder.ts";
import { exists } from "../io/files.ts";
import { UserError } from "../base/user_error.ts";

/** Fields that change what a model computes, with the only value we compute by; absent is the same. */
const FIXED: Readonly<Record<string, unknown>> = {
  position_embedding_type: "absolute",
  is_decoder: false,
  add_cross_attention: false,
  is_encoder_decoder: false,
  pruned_heads: undefined,
  rope_scaling: undefined,
  // How transformers 5 writes what `global_rope_theta` and `local_rope_theta` say.
  rope_parameters: undefined,
  quantization_config: undefined,
};

/**
 * The architecture of the encoder in a folder, by its config.json; without one of Hugging Face's, by the shapes of its
 * weights, where they are of a kind that is known so. Of a model of several encoders, such as CLIP, it is the one that `reads`
 * inputs of this kind. `changes` are fields to use instead of those in the file, such as another `image_size`. Throws a
 * UserError naming the file and the field for what we do not compute.
 */
export function readEncoderConfig(
  folder: string,
  changes: Readonly<Record<string, unknown>> = {},
  reads?: InputKind,
): EncoderConfig {
  const path = join(folder, "config.json");
  const isThere = exists(path);
  const file = isThere ? readJsonObject(path) : {};
  if (!("model_type" in file)) {
    const found = recogniseEncoder(folder);
    if (found !== undefined) return found.type.configure({ ...found.fields, ...changes });
    if (!isThere) {
      throw new UserError(
        `Cannot find ${path}, and no weights beside it of an encoder that is known without one`,
      );
    }
  }
  try {
    const { type, given } = encoderIn(file, reads);
    mustBeComputable(given);
    return type.configure({ ...poolingIn(given, type), ...given, ...changes });
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${path}: ${error.message}`) : error;
  }
}

type Json = Readonly<Record<string, unknown>>;

/** The kind of encoder that a config.json is of, and the part of it that is the encoder's. */
function encoderIn(file: Json, reads: InputKind | undefined): { type: EncoderType; given: Json } {
  const types = encoderTypes().filter(({ checkpoint }) => checkpoint);
  const parts = partsOf(file.model_type);
  if (parts.length === 0) return { type: encoderType(file.model_type, types), given: file };
  const wanted = parts.filter((type) => reads === undefined || readsOnly(type, reads));
  const [type, ...others] = wanted;
  if (type === undefined || others.length > 0) {
    const held = (type === undefined ? parts : wanted).map(({ title }) => title).join(" and ");
    throw new UserError(`model_type is ${JSON.stringify(file.model_type)}, of which ${held} can be used`);
  }
  const { section, shared = [] } = type.checkpoint!.joint!;
  const own = file[section] ?? {};
  if (!isJsonObject(own)) throw new UserError(`${section} is no object`);
  return { type, given: { ...own, ...Object.fromEntries(shared.map((field) => [field, file[field]])) } };
}

/** The field `pooling` of an encoder that was saved as a class whose first result is a projection. */
function poolingIn({ architectures }: Json, { exported: { projecting } }: EncoderType): object {
  const isProjecting = projecting !== undefined && Array.isArray(architectures) &&
    architectures.includes(projecting);
  return isProjecting ? { pooling: "projection" } : {};
}

/** Throws a UserError for a field that makes another model of it. */
function mustBeComputable(given: Json): void {
  for (const [field, value] of Object.entries(FIXED)) {
    const found = given[field] ?? value;
    if (found === value || isEmpty(found)) continue;
    throw new UserError(
      `${field} is ${JSON.stringify(found)}, which is not supported` +
        (value === undefined ? "" : `, only ${JSON.stringify(value)}`),
    );
  }
}

function isEmpty(value: unknown): boolean {
  return isJsonObject(value) && Object.keys(value).length === 0;
}
