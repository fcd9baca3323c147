/** `config.json` of a Hugging Face model, which decides the architecture. */
import { join } from "node:path";
import type { EncoderConfig } from "../models/encoders/encoder.ts";
import { encoderType, encoderTypes } from "../models/encoders/registry.ts";
import { readJsonObject } from "../io/json_file.ts";
import { isJsonObject } from "../io/strict_json.ts";
import { UserError } from "../base/user_error.ts";

/** Fields that change what a model computes, with the only value we compute by; absent is the same. */
const FIXED: Readonly<Record<string, unknown>> = {
  position_embedding_type: "absolute",
  is_decoder: false,
  add_cross_attention: false,
  is_encoder_decoder: false,
  pruned_heads: undefined,
  quantization_config: undefined,
};

/**
 * The architecture of the encoder in a folder. `changes` are fields to use instead of those in the file, such as
 * another `image_size`. Throws a UserError naming the file and the field for what we do not compute.
 */
export function readEncoderConfig(
  folder: string,
  changes: Readonly<Record<string, unknown>> = {},
): EncoderConfig {
  const path = join(folder, "config.json");
  const given = readJsonObject(path);
  try {
    const type = encoderType(given.model_type, encoderTypes().filter(({ checkpoint }) => checkpoint));
    mustBeComputable(given);
    return type.configure({ ...given, ...changes });
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${path}: ${error.message}`) : error;
  }
}

/** Throws a UserError for a field that makes another model of it. */
function mustBeComputable(given: Readonly<Record<string, unknown>>): void {
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
