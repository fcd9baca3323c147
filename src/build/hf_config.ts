/** `config.json` of a Hugging Face model, which decides the architecture. */
import { join } from "node:path";
import type { EncoderConfig } from "../models/encoders/encoder.ts";
import { encoderTypes } from "../models/encoders/registry.ts";
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
  const types = encoderTypes().filter(({ checkpoint }) => checkpoint !== undefined);
  const type = types.find(({ model_type }) => model_type === given.model_type);
  if (type === undefined) {
    const known = types.map(({ model_type }) => model_type).join(", ");
    throw new UserError(
      `${path}: model_type is ${JSON.stringify(given.model_type)}, and encoders are of ${known}`,
    );
  }
  for (const [field, value] of Object.entries(FIXED)) {
    const found = given[field] ?? value;
    if (found === value || isEmpty(found)) continue;
    throw new UserError(
      `${path}: ${field} is ${JSON.stringify(found)}, which is not supported` +
        (value === undefined ? "" : `, only ${JSON.stringify(value)}`),
    );
  }
  try {
    return type.configure({ ...given, ...changes });
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`${path}: ${error.message}`);
    throw error;
  }
}

function isEmpty(value: unknown): boolean {
  return isJsonObject(value) && Object.keys(value).length === 0;
}
